from typing import Any

import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.models.fusion import DeepFusion, NoFusion, TextLayer
from glip_pl.types import TextFeatures


def small_fusion() -> DeepFusion:
    return DeepFusion(16, 24, 0.5, inner_dim=32, heads=2, text_heads=3, dropout=0.0)


def randomise(module: torch.nn.Module) -> None:
    """Give a module weights as after a training: none is zero, as some are at the start."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)


def test_the_text_side_starts_as_identity() -> None:
    hidden = torch.nn.functional.layer_norm(torch.randn(1, 5, 24), (24,))
    text = TextFeatures(hidden, torch.ones(1, 5, dtype=torch.bool))
    _, out = small_fusion()([torch.randn(1, 16, 4, 6)], text)
    torch.testing.assert_close(out.hidden, hidden, rtol=1e-3, atol=1e-3)


def test_padded_words_change_neither_pixels_nor_real_words() -> None:
    torch.manual_seed(0)
    layer = small_fusion()
    randomise(layer)
    levels = [torch.randn(1, 16, 4, 6), torch.randn(1, 16, 2, 3)]
    hidden = torch.randn(1, 9, 24)
    short = TextFeatures(hidden[:, :5], torch.ones(1, 5, dtype=torch.bool))
    padded = TextFeatures(hidden, torch.arange(9)[None] < 5)
    (levels_short, text_short), (levels_padded, text_padded) = (
        layer(levels, text) for text in (short, padded)
    )
    for from_short, from_padded in zip(levels_short, levels_padded, strict=True):
        torch.testing.assert_close(from_short, from_padded)
    torch.testing.assert_close(text_short.hidden, text_padded.hidden[:, :5])


def test_masked_words_get_no_gradient_through_the_text_layer() -> None:
    torch.manual_seed(0)
    words = torch.randn(1, 6, 12, requires_grad=True)
    layer = TextLayer(12, heads=3, dropout=0.0)
    randomise(layer)
    out = layer(words, torch.arange(6)[None] < 4)
    (gradient,) = torch.autograd.grad(out[:, :4].square().cumsum(-1).sum(), words)
    assert gradient[:, 4:].abs().max() == 0
    assert gradient[:, :4].abs().max() > 1e-3


def test_each_fusion_hands_the_additions_of_a_learned_prompt_on() -> None:
    torch.manual_seed(0)
    levels, mask = [torch.randn(1, 16, 4, 6)], torch.ones(1, 5, dtype=torch.bool)
    hidden, first, second = torch.randn(3, 1, 5, 24)
    for layer in (small_fusion(), NoFusion(16, 24, 0.5)):
        _, plain = layer(levels, TextFeatures(hidden, mask))
        _, text = layer(levels, TextFeatures(hidden, mask, [first, second]))
        assert text.hidden.equal(plain.hidden + first)
        assert [addition.equal(second) for addition in text.deeper] == [True]


def test_without_fusion_only_padded_words_change() -> None:
    levels, hidden = [torch.randn(1, 16, 4, 6)], torch.randn(1, 3, 24)
    out_levels, text = NoFusion(16, 24, 0.5)(
        levels, TextFeatures(hidden, torch.tensor([[True, True, False]]))
    )
    assert out_levels[0].equal(levels[0])
    assert text.hidden[:, :2].equal(hidden[:, :2])
    assert text.hidden[:, 2].eq(0).all()
    assert not list(NoFusion(16, 24, 0.5).parameters())


@pytest.mark.parametrize(
    ("heads", "text_heads", "message"),
    [
        (3, 3, r"model\.fusion\.heads=3: the heads must divide inner_dim, which is 32"),
        (0, 3, r"model\.fusion\.heads=0"),
        (2, 5, r"model\.fusion\.text_heads=5: .* the text encoder, which is 24"),
        (2, -3, r"model\.fusion\.text_heads=-3"),
        (True, 3, r"model\.fusion\.heads=True"),
        (2, "3", r"model\.fusion\.text_heads=3"),
    ],
)
def test_heads_that_do_not_divide_their_width_are_refused(
    heads: Any, text_heads: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        DeepFusion(16, 24, 0.5, inner_dim=32, heads=heads, text_heads=text_heads)


@pytest.mark.parametrize("dropout", [-0.1, 2, float("nan"), "0.1", [0.1], None])
def test_dropout_is_a_probability(dropout: Any) -> None:
    with pytest.raises(UserError, match=r"model\.fusion\.dropout=.*: it must be a number"):
        DeepFusion(16, 24, 0.5, inner_dim=32, heads=2, text_heads=3, dropout=dropout)
