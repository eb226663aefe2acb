import math

import pytest
import torch
import torch.nn.functional as F

from glip_pl.models.grounding_head import PRIOR_PROBABILITY, GroundingHead
from glip_pl.types import TextFeatures

SIDES = [(4, 6), (2, 3), (1, 2), (1, 1), (1, 1)]


def inputs() -> tuple[list[torch.Tensor], TextFeatures]:
    torch.manual_seed(0)
    levels = [torch.randn(2, 8, *side) for side in SIDES]
    return levels, TextFeatures(torch.randn(2, 5, 12), torch.ones(2, 5, dtype=torch.bool))


def randomised(initial_gain: float = 1.0) -> GroundingHead:
    torch.manual_seed(1)
    head = GroundingHead(8, 12, initial_gain)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


def test_alignment_is_the_scaled_product_of_a_pixel_and_a_projected_word() -> None:
    levels, text = inputs()
    head = randomised().requires_grad_(False)
    out = head(levels, text)
    assert out.alignment.shape == (2, 34, 5)
    word = text.hidden[1, 3] / text.hidden[1, 3].norm()
    projected = F.linear(word / 2, head.text_projection.weight, head.text_projection.bias)
    pixel = levels[1][1, :, 1, 2]  # the last position of the second level
    logit = pixel @ projected / head.log_scale.exp() + word @ head.token_bias + head.prior_bias
    assert float(out.alignment[1, 24 + 5, 3]) == pytest.approx(float(logit), rel=1e-4)


def test_box_codes_have_a_scale_per_level() -> None:
    levels, text = inputs()
    head = randomised()
    out = head(levels, text)
    assert out.level_sizes == (24, 6, 2, 1, 1)
    assert out.anchors.shape == (34, 4)
    start = 0
    for level, size, scale in zip(levels, out.level_sizes, head.level_scales, strict=True):
        codes = head.box(level).flatten(2).mT * scale
        torch.testing.assert_close(out.deltas[:, start : start + size], codes)
        centerness = head.centerness(level).flatten(1)
        torch.testing.assert_close(out.centerness[:, start : start + size], centerness)
        start += size


@pytest.mark.parametrize("gain", [1.0, 12.0])
def test_an_untrained_head_aligns_with_the_prior_probability(gain: float) -> None:
    levels, text = inputs()
    head = GroundingHead(8, 12, gain).requires_grad_(False)
    torch.nn.init.zeros_(head.text_projection.weight)
    torch.nn.init.zeros_(head.text_projection.bias)
    probability = head(levels, text).alignment.sigmoid()
    torch.testing.assert_close(probability, torch.full_like(probability, PRIOR_PROBABILITY))
    assert [float(scale) for scale in head.level_scales] == [gain] * 5
    assert float(head.log_scale.exp()) == pytest.approx(1 / gain)
    assert math.isclose(float(head.prior_bias.sigmoid()), PRIOR_PROBABILITY, rel_tol=1e-5)


def test_predictions_are_in_full_precision_under_autocast() -> None:
    levels, text = inputs()
    head = randomised()
    expected = head(levels, text)
    with torch.autocast("cpu", torch.bfloat16):
        out = head(levels, text)
    for part in ("alignment", "deltas", "centerness"):
        torch.testing.assert_close(getattr(out, part), getattr(expected, part))
