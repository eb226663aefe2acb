"""Recipes of models: the settings in a checkpoint from which its model is built again."""

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from glip_pl.checkpoints.trust import READS_FILES
from glip_pl.files.shipped_settings import compose_shipped

RELEASED_TRANSFORM = {"short_sides": [800], "max_side": 1333}
"""Image sizes, in pixels, at which the released models were evaluated."""


def without_weights(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's settings without the tensors and files that its image encoder started from."""
    encoder = {
        key: value for key, value in model["image_encoder"].items() if key not in READS_FILES
    }
    return {**model, "image_encoder": {**encoder, "weights": None}}


def without_pretrained(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's settings without any download: for a model whose weights a checkpoint holds."""
    recipe = without_weights(model)
    for part in ("image_encoder", "text_encoder"):
        recipe[part] = {**recipe[part], "pretrained": False}
    return recipe


def released_settings(name: str) -> dict[str, Any]:
    """The settings that a checkpoint of a shipped model ("glip_t", ...) would hold."""
    model: Any = OmegaConf.to_container(compose_shipped(f"model/{name}").model, resolve=True)
    return {
        "lora_scale": None,
        "model": without_weights(model),
        "eval_transform": dict(RELEASED_TRANSFORM),
        "tokenizer": model["text_encoder"]["source"],
    }
