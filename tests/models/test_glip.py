"""The shipped models are built from YAML alone, and run."""

from typing import Any

import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from glip_pl.files.shipped_settings import compose_shipped
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.models.glip import GLIP
from glip_pl.types import Batch, TextFeatures
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


def test_fusion_starts_with_its_share_of_the_layers(nano: GLIP) -> None:
    assert len(nano.fusions) == 2
    for scale in ("image_scale", "text_scale"):
        values = nano.fusions[0].get_parameter(f"cross_attention.{scale}")
        assert values.eq(1 / 2).all()


def test_an_image_that_is_encoded_once_can_be_grounded_often(nano: GLIP, batch: Batch) -> None:
    with torch.inference_mode():
        whole = nano(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        levels = nano.encode_image(batch.images, batch.sizes)
        for _ in range(2):
            text = nano.encode_text(batch.tokens, batch.attention_mask)
            assert nano.ground(levels, text).alignment.equal(whole.alignment)


def test_all_parameters_of_glip_t_get_a_gradient() -> None:
    """A step of the real GLIP-T at 256 x 320; DDP would wait for a missing gradient forever."""
    torch.manual_seed(0)
    model = random_model("glip_t", "cpu").train()
    batch = random_batch(1, 256, 320, "cpu")
    out = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    GroundingLoss()(out, batch).total.backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert without == []
    assert sum(w.numel() for w in model.parameters()) == pytest.approx(231.8e6, rel=1e-3)


@pytest.mark.parametrize("fusion", ["narrow", "none"])
def test_a_model_without_fusion_is_shallow_and_reads_its_words_once(fusion: str) -> None:
    model: GLIP = instantiate(compose_shipped("model/glip_nano", [f"model/fusion={fusion}"]).model)
    assert model.shallow is (fusion == "none")
    assert model.readings == (1 if model.shallow else 2)


def test_more_tables_of_a_learned_prompt_than_readings_are_refused() -> None:
    settings = compose_shipped("model/glip_nano", ["model.prompts=3"]).model
    with pytest.raises(InstantiationException) as refused:
        instantiate(settings)
    assert "model.prompts=3: this model reads its tokens 2 times" in str(refused.value.__cause__)


def test_a_learned_prompt_has_a_table_for_each_fusion(batch: Batch) -> None:
    """The words of each fusion are those of the last one, plus a row of the table."""
    model: GLIP = instantiate(compose_shipped("model/glip_nano", ["model.prompts=2"]).model).eval()
    assert [name for name in model.state_dict() if name.startswith("prompts")] == [
        "prompts.0.weight",
        "prompts.1.weight",
    ]
    for table in model.prompts.parameters():
        torch.nn.init.normal_(table)
    first, second = (table[: batch.tokens.shape[1]] for table in model.prompts.parameters())
    with torch.inference_mode():
        levels = model.encode_image(batch.images, batch.sizes)
        out = model.ground(levels, model.encode_text(batch.tokens, batch.attention_mask))
        text = model.encode_text(batch.tokens, batch.attention_mask, learned=False)
        mask = text.mask
        levels, text = model.fusions[0](levels, TextFeatures(text.hidden + first, mask))
        levels = model.dynamic_convs[0](levels)
        levels, text = model.fusions[1](levels, TextFeatures(text.hidden + second, mask))
        by_hand = model.head(model.dynamic_convs[1](levels), text)
    assert out.alignment.equal(by_hand.alignment)
    assert out.deltas.equal(by_hand.deltas)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 16}, r"model\.channels=16: it must be a multiple of 16, and more than 16"),
        ({"padding": "none"}, r"model\.padding='none' must be shared or own"),
        ({"channels": 100}, r"model\.channels=100: it must be a multiple"),
        (
            {"image_encoder": {"output_stride": 16}},
            r"have the strides \(8, 16, 16\), not \(8, 16",
        ),
        ({"image_encoder": {"stages": [1, 2, 3]}}, r"have the strides \(4, 8, 16\), not"),
    ],
)
def test_parts_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    model = compose_shipped("train").model
    pretrained = {"image_encoder": {"weights": None}, "text_encoder": {"pretrained": False}}
    OmegaConf.set_struct(model, False)
    with torch.device("meta"), pytest.raises(InstantiationException, match=message):
        instantiate(OmegaConf.merge(model, pretrained, settings))
