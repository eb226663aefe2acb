import pytest
import torch
from torch import Tensor

from glip_pl.models import bi_attention, recomputing
from glip_pl.models.bi_attention import BiAttention


def plain_attention(
    layer: BiAttention, image: Tensor, text: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """The equations as the paper writes them, with pixels projected to every head."""

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


@pytest.mark.parametrize(("pixels", "worth"), [(1024, 1 << 20), (14, 1 << 20), (14, 0)])
def test_projected_text_attention_equals_the_plain_form_in_value_and_gradient(
    pixels: int, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pixels at once, in chunks, and in chunks that the backward pass computes again."""
    monkeypatch.setattr(bi_attention, "CHUNK", pixels)
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
    for updates in (layer(image, text, mask), plain_attention(layer, image, text, mask)):
        outputs = (updates[0], updates[1][mask])  # updates of padded words are arbitrary
        loss = (outputs[0] * torch.linspace(-1, 1, 32)).sum() + outputs[1].square().sum()
        results.append((*outputs, *torch.autograd.grad(loss, inputs)))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-7)


def test_dropout_keeps_the_expected_update() -> None:
    torch.manual_seed(0)
    layer = BiAttention(16, 16, 32, heads=2, dropout=0.2)
    torch.nn.init.normal_(layer.image_value.bias)
    torch.nn.init.normal_(layer.text_out.weight, std=0.2)
    image, text = torch.randn(1, 30, 16), torch.randn(1, 5, 16)
    mask = torch.ones(1, 5, dtype=torch.bool)
    without_dropout = layer.eval()(image, text, mask)
    layer.train()
    means = [
        torch.stack(updates).mean(0)
        for updates in zip(*(layer(image, text, mask) for _ in range(2000)), strict=True)
    ]
    for expected, mean in zip(without_dropout, means, strict=True):
        assert (expected - mean).norm() / expected.norm() < 0.05


def test_padded_words_stay_finite_in_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bi_attention, "CHUNK", 8)
    torch.manual_seed(0)
    layer = BiAttention(8, 12, 16, heads=2, dropout=0.0)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    mask = torch.tensor([[True, False, False], [True, True, True]])
    updates = layer(torch.randn(2, 30, 8) * 50, torch.randn(2, 3, 12), mask)
    assert all(update.isfinite().all() for update in updates)
