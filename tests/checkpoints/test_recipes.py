from typing import Any

import pytest

from glip_pl.checkpoints.recipes import (
    released_settings,
    without_pretrained,
    without_weights,
)
from glip_pl.running.settings import checkpoint_config, compose_settings


def test_settings_of_a_released_model_are_those_of_the_release() -> None:
    settings = released_settings("glip_t")
    assert set(settings) == {"lora_scale", "model", "eval_transform", "tokenizer"}
    assert settings["lora_scale"] is None
    assert settings["tokenizer"] == "bert-base-uncased"
    assert settings["eval_transform"] == {"short_sides": [800], "max_side": 1333}
    model = settings["model"]
    assert model["_target_"] == "glip_pl.models.glip.GLIP"
    assert (model["layers"], model["channels"], model["prompts"]) == (6, 256, 0)
    assert model["fusion"]["_target_"] == "glip_pl.models.fusion.DeepFusion"
    assert model["image_encoder"]["name"] == "swin_tiny_patch4_window7_224"
    assert model["image_encoder"]["weights"] is None
    assert model["text_encoder"]["source"] == "bert-base-uncased"


@pytest.mark.parametrize("name", ["glip_t", "glip_t_a", "glip_l"])
def test_a_checkpoint_of_a_zero_shot_evaluation_would_hold_the_same(name: str) -> None:
    config = compose_settings(["experiment=zeroshot_coco", f"model={name}"])
    assert released_settings(name) == checkpoint_config(config)


def test_nothing_is_downloaded_for_a_model_that_gets_weights() -> None:
    model: dict[str, Any] = {
        "layers": 6,
        "image_encoder": {
            **{"name": "swin", "pretrained": True, "weights": {"_target_": "load"}},
            "pretrained_cfg_overlay": {"file": "swin.pth"},  # no trusted checkpoint names it
        },
        "text_encoder": {"source": "bert", "pretrained": True},
    }
    assert without_weights(model)["image_encoder"]["weights"] is None
    assert without_pretrained(model) == {
        "layers": 6,
        "image_encoder": {"name": "swin", "pretrained": False, "weights": None},
        "text_encoder": {"source": "bert", "pretrained": False},
    }
    assert model["image_encoder"]["pretrained"]  # the settings themselves are unchanged
