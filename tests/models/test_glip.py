"""Both shipped models build from YAML alone and run."""

import pytest
import torch

from glip_pl.losses.grounding import GroundingLoss
from glip_pl.models.glip import GLIP
from glip_pl.types import Batch
from scripts.benchmarking import random_batch, random_model


@pytest.fixture(scope="module")
def nano() -> GLIP:
    torch.manual_seed(0)
    return random_model("glip_nano", "cpu").eval()


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(1)
    return random_batch(2, 96, 130, "cpu")


def test_every_anchor_is_scored_against_every_word(nano: GLIP, batch: Batch) -> None:
    out = nano(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    anchors = 12 * 20 + 6 * 10 + 3 * 5 + 2 * 3 + 1 * 2
    assert out.alignment.shape == (2, anchors, batch.tokens.shape[1])
    assert out.deltas.shape == (2, anchors, 4)
    assert out.centerness.shape == (2, anchors)
    assert sum(out.level_sizes) == anchors


def test_padding_an_image_does_not_change_its_normalised_pixels(nano: GLIP, batch: Batch) -> None:
    padded = torch.nn.functional.pad(batch.images, (0, 32, 0, 32), value=200)
    plain = nano.image_encoder.normalise(batch.images, batch.sizes)
    more = nano.image_encoder.normalise(padded, batch.sizes)
    assert more[..., : plain.shape[2], : plain.shape[3]].equal(plain)
    assert more[..., 96:, :].abs().max() == 0


def test_fusion_starts_with_its_share_of_the_layers(nano: GLIP) -> None:
    assert len(nano.fusions) == 2
    for scale in ("image_scale", "text_scale"):
        values = nano.fusions[0].get_parameter(f"cross_attention.{scale}")
        assert values.eq(1 / 2).all()


def test_encoding_once_and_grounding_often_is_the_same(nano: GLIP, batch: Batch) -> None:
    with torch.inference_mode():
        whole = nano(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        levels = nano.encode_image(batch.images, batch.sizes)
        for _ in range(2):
            text = nano.encode_text(batch.tokens, batch.attention_mask)
            assert nano.ground(levels, text).alignment.equal(whole.alignment)


def test_all_parameters_of_glip_t_get_a_gradient() -> None:
    """A step of the real GLIP-T at 256 x 320; a part without gradient would hang DDP."""
    torch.manual_seed(0)
    model = random_model("glip_t", "cpu").train()
    batch = random_batch(1, 256, 320, "cpu")
    out = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    GroundingLoss()(out, batch).total.backward()
    without = [name for name, one in model.named_parameters() if one.grad is None]
    assert without == []
    assert sum(one.numel() for one in model.parameters()) == pytest.approx(231.8e6, rel=1e-3)
