import pytest
import torch
from torch import Tensor

from glip_pl.models import fusion, recomputing
from glip_pl.models.fusion import BiAttention, DeepFusion, TextLayer
from glip_pl.types import TextFeatures


def plain_attention(
    layer: BiAttention, image: Tensor, text: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """The paper's equations written out, with pixels projected to every head."""

    def heads(features: Tensor) -> Tensor:
        split: Tensor = features.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
        return split

    query = heads(layer.image_query(image)) * layer.scale
    key = heads(layer.text_key(text))
    logits = query @ key.mT  # (B, h, N, T)
    over_words = logits.masked_fill(~mask[:, None, None], float("-inf")).softmax(-1)
    image_update = (over_words @ heads(layer.text_value(text))).transpose(1, 2).flatten(2)
    over_pixels = logits.mT.softmax(-1)
    text_update = (over_pixels @ heads(layer.image_value(image))).transpose(1, 2).flatten(2)
    return layer.image_out(image_update), layer.text_out(text_update)


def randomise(module: torch.nn.Module) -> torch.nn.Module:
    """A trained state: nothing is zero as at the start."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return module


def test_the_text_side_starts_as_identity() -> None:
    layer = DeepFusion(16, 24, 0.5, inner_dim=32, heads=2, text_heads=3, dropout=0.0)
    hidden = torch.nn.functional.layer_norm(torch.randn(1, 5, 24), (24,))
    text = TextFeatures(hidden, torch.ones(1, 5, dtype=torch.bool))
    _, out = layer([torch.randn(1, 16, 4, 6)], text)
    torch.testing.assert_close(out.hidden, hidden, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("pixels", "worth"), [(1024, 1 << 20), (14, 1 << 20), (14, 0)])
def test_projected_text_attention_equals_the_plain_form_in_value_and_gradient(
    pixels: int, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pixels at once, in parts, and in parts that the backward pass makes again."""
    monkeypatch.setattr(fusion, "CACHEFUL", pixels)
    monkeypatch.setattr(recomputing, "WORTH_TWICE", worth)
    torch.manual_seed(0)
    layer = BiAttention(32, 48, 64, heads=4, dropout=0.0).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    image = torch.randn(2, 50, 32, dtype=torch.float64, requires_grad=True)
    text = torch.randn(2, 7, 48, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    inputs = [image, text, *layer.parameters()]
    results = []
    for both in (layer(image, text, mask), plain_attention(layer, image, text, mask)):
        form = (both[0], both[1][mask])  # what padded words pool reaches nothing
        loss = (form[0] * torch.linspace(-1, 1, 32)).sum() + form[1].square().sum()
        results.append((*form, *torch.autograd.grad(loss, inputs)))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-7)


def test_dropout_keeps_the_expected_update() -> None:
    torch.manual_seed(0)
    layer = BiAttention(16, 16, 32, heads=2, dropout=0.2)
    torch.nn.init.normal_(layer.image_value.bias)
    torch.nn.init.normal_(layer.text_out.weight, std=0.2)
    image, text = torch.randn(1, 30, 16), torch.randn(1, 5, 16)
    mask = torch.ones(1, 5, dtype=torch.bool)
    kept = layer.eval()(image, text, mask)
    layer.train()
    mean = [
        torch.stack(sides).mean(0)
        for sides in zip(*(layer(image, text, mask) for _ in range(2000)), strict=True)
    ]
    for expected, average in zip(kept, mean, strict=True):
        assert (expected - average).norm() / expected.norm() < 0.05


def test_padded_words_do_not_change_pixels_or_real_words_after_the_text_layer() -> None:
    torch.manual_seed(0)
    layer = DeepFusion(16, 24, 0.5, inner_dim=32, heads=2, text_heads=3, dropout=0.0)
    randomise(layer)
    levels = [torch.randn(1, 16, 4, 6), torch.randn(1, 16, 2, 3)]
    hidden = torch.randn(1, 9, 24)
    short = TextFeatures(hidden[:, :5], torch.ones(1, 5, dtype=torch.bool))
    padded = TextFeatures(hidden, torch.arange(9)[None] < 5)
    (levels_short, text_short), (levels_padded, text_padded) = (
        layer(levels, text) for text in (short, padded)
    )
    for ours, theirs in zip(levels_short, levels_padded, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(text_short.hidden, text_padded.hidden[:, :5])


def test_masked_words_get_no_gradient_through_the_text_layer() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(1, 6, 12, requires_grad=True)
    mask = torch.arange(6)[None] < 4
    out = randomise(TextLayer(12, heads=3, dropout=0.0))(TextFeatures(hidden, mask)).hidden
    (gradient,) = torch.autograd.grad(out[:, :4].square().cumsum(-1).sum(), hidden)
    assert gradient[:, 4:].abs().max() == 0
    assert gradient[:, :4].abs().max() > 1e-3


def test_words_that_are_padding_stay_finite_in_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "CACHEFUL", 8)
    torch.manual_seed(0)
    layer = BiAttention(8, 12, 16, heads=2, dropout=0.0)
    randomise(layer)
    mask = torch.tensor([[True, False, False], [True, True, True]])
    both = layer(torch.randn(2, 30, 8) * 50, torch.randn(2, 3, 12), mask)
    assert all(side.isfinite().all() for side in both)
