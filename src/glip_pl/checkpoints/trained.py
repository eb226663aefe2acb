"""Weights with the settings that rebuild their model, from any kind of file that holds a GLIP.

Three kinds are read: Lightning checkpoints of this package, files that `glip_pl.convert` wrote,
and released official files.
"""

import json
import logging
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from glip_pl.checkpoints import official
from glip_pl.checkpoints.low_rank import merged
from glip_pl.errors import UserError, some
from glip_pl.models.glip import GLIP
from glip_pl.settings import released_config, without_pretrained

log = logging.getLogger(__name__)

CONFIG_KEY = "glip_pl"
MODEL_PREFIX = "model."
PROMPTS = "prompts."
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

TRANSFORM = frozenset({"short_sides", "max_side", "flip"})
"""What a checkpoint says of pictures."""

REMOTE = r"\s*(hf[-_]hub|local[-_]dir):"
"""Beginnings of timm's names that lead to the hub or the disk, in any letters."""

READS_FILES = frozenset({"checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay"})
"""Options of timm that would read other files than this one."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds."""

    weights: Mapping[str, Tensor]  # by the model's own names; the moving average if there is one
    config: dict[str, Any]  # keys model, eval_transform, tokenizer
    resumable: bool = False  # whether the optimizer's state is there too
    released: str | None = None  # of an official file: the shipped model= that it is of


@dataclass(frozen=True, eq=False)
class Trained:
    """A model with its weights, and how it wants its input."""

    model: GLIP
    config: dict[str, Any]  # as in Checkpoint


def read_checkpoint(path: Path) -> Checkpoint:
    """What a file holds, without running code from it.

    Raises UserError if it is missing, broken, or of none of the three kinds.
    """
    if not path.is_file():
        raise UserError(f"no such checkpoint: {path}")
    if path.suffix == ".safetensors":
        return _read_converted(path)
    content = _read_torch(path)
    if CONFIG_KEY in content:
        config, state = content[CONFIG_KEY], content.get("state_dict")
        if not isinstance(config, Mapping) or not isinstance(state, Mapping):
            raise UserError(f"{path} is no readable checkpoint: it has no weights or no settings")
        weights = {
            name.removeprefix(MODEL_PREFIX): value
            for name, value in state.items()
            if name.startswith(MODEL_PREFIX)
        }
        scale = config.get("lora_scale")
        if scale is not None:
            weights = merged(weights, float(scale))
        _check_input(config, path)
        return Checkpoint(weights, dict(config), resumable=True)
    state = official.state_dict(content)
    if state is None:
        raise UserError(
            f"{path} holds no GLIP: it has neither the entry {CONFIG_KEY!r} of this package's "
            "checkpoints nor the keys of a released model"
        )
    name = official.model_name(state)
    try:
        weights = official.convert(state)
        config = released_config(name)
        config["model"]["prompts"] = int(f"{PROMPTS}0.weight" in weights)
        return Checkpoint(weights, config, released=name)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _read_torch(path: Path) -> dict[str, Any]:
    try:
        # Files of before torch 1.6 are no zip archives, and cannot be mapped into memory.
        content = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except Exception as error:  # torch raises many kinds on a broken or unsafe file
        raise UserError(f"{path} is no readable checkpoint: {error}") from error
    return content if isinstance(content, dict) else {}


def _read_converted(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            config = (file.metadata() or {}).get(CONFIG_KEY)
        weights = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is no readable checkpoint: {error}") from error
    if config is None:
        raise UserError(
            f"{path} was not written by glip_pl.convert: its metadata has no entry {CONFIG_KEY!r}"
        )
    try:
        settings = dict(json.loads(config))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is no readable checkpoint: its settings are broken") from error
    _check_input(settings, path)
    return Checkpoint(weights, settings)


def between(old: Checkpoint, new: Checkpoint, share: float) -> dict[str, Tensor]:
    """(1 - share) x old + share x new weights of one model; what cannot be averaged is new.

    Raises UserError if they are of different models.
    """
    if set(old.weights) != set(new.weights) or any(
        old.weights[name].shape != value.shape for name, value in new.weights.items()
    ):
        raise UserError("the two checkpoints are of different models; there is nothing in between")
    return {
        name: old.weights[name].lerp(value, share) if value.is_floating_point() else value
        for name, value in new.weights.items()
    }


def write_weights(weights: Mapping[str, Tensor], config: dict[str, Any], path: Path) -> None:
    """Write weights alone with the settings that rebuild their model."""
    write_tensors(weights, {CONFIG_KEY: json.dumps(config)}, path)


def write_tensors(tensors: Mapping[str, Tensor], about: dict[str, str], path: Path) -> None:
    """Write a file of safetensors whole or not at all; `about` is its metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    # The format wants every tensor to lie in one piece.
    save_file({name: value.contiguous() for name, value in tensors.items()}, partial, about)
    partial.replace(path)


def load_trained(path: str | Path) -> Trained:
    """Rebuild the model of a checkpoint. Raises UserError if that cannot be done safely."""
    path = Path(path)
    checkpoint = read_checkpoint(path)
    _check_recipe(checkpoint.config.get("model"), path)
    try:
        recipe = without_pretrained(checkpoint.config["model"])
        model: GLIP = instantiate(recipe)
    except (InstantiationException, AttributeError, KeyError, TypeError) as error:
        if isinstance(error.__cause__, UserError):
            raise
        raise UserError(f"{path} does not say how to build its model: {error}") from error
    fill(model, checkpoint, path)
    if any(bool(table.any()) for table in model.prompts.parameters()):
        log.warning(
            "%s holds a learned prompt, which changes whatever is asked: right for the names that "
            "it was tuned for; for other words give the model that it was tuned from",
            path,
        )
    return Trained(model.eval(), checkpoint.config)


def fill(model: nn.Module, checkpoint: Checkpoint, path: Path) -> None:
    """Give a model a checkpoint's weights.

    Raises UserError naming what is missing, left over, or of another shape.
    """
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = {
        name: _with_rows(value, wanted[name][0])
        if name.startswith(PROMPTS) and name in wanted
        else value
        for name, value in checkpoint.weights.items()
    }
    given = {name: tuple(value.shape) for name, value in weights.items()}
    faults = {
        # A prompt that nobody has learned yet starts as it is built: it changes nothing.
        "missing": [name for name in wanted if name not in given and not name.startswith(PROMPTS)],
        "not in the model": [name for name in given if name not in wanted],
        "of another shape": [
            f"{name} {given[name]} instead of {shape}"
            for name, shape in wanted.items()
            if given.get(name, shape) != shape
        ],
    }
    told = [f"{fault}: {some(names)}" for fault, names in faults.items() if names]
    if told:
        remedy = f"model={checkpoint.released}" if checkpoint.released else "model=..."
        learned = sum(name.startswith(PROMPTS) for name in given)
        if learned:
            remedy += f" model.prompts={learned}"
        raise UserError(
            f"the weights of {path} do not fit this model; set {remedy}, the one they are of "
            f"({'; '.join(told)})"
        )
    model.load_state_dict(weights, strict=False)


def _with_rows(table: Tensor, rows: int) -> Tensor:
    """A learned prompt for more places, where it says nothing, or for fewer."""
    fitted = table.new_zeros(rows, *table.shape[1:])
    fitted[: len(table)] = table[:rows]
    return fitted


def _check_input(config: Mapping[str, Any], path: Path) -> None:
    """Raise UserError unless what feeds the model is a name and numbers: settings get them."""
    tokenizer, transform = config.get("tokenizer", ""), config.get("eval_transform", {})
    named = isinstance(tokenizer, str) and "${" not in tokenizer
    numbers = isinstance(transform, Mapping) and set(transform) <= TRANSFORM
    if numbers:
        values = [
            one
            for value in transform.values()
            for one in (value if isinstance(value, list | tuple) else [value])
        ]
        numbers = all(isinstance(one, int | float) for one in values)
    if not (named and numbers):
        raise UserError(
            f"{path} has a tokenizer or an eval_transform that is more than a name and numbers. Do "
            "not trust this file"
        )


def _check_recipe(node: Any, path: Path) -> None:
    """Raise UserError if building a recipe would run, or read, anything but our model's parts."""
    asked = None
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if target is not None and target not in TRUSTED:
            asked = target
        for key in node:
            if key in READS_FILES or not isinstance(key, str):
                asked = key
            _check_recipe(key, path)
        node = list(node.values())
    if isinstance(node, str) and ("${" in node or re.match(REMOTE, node, re.I)):
        # OmegaConf would resolve the one after this check, timm would fetch the other.
        asked = node
    if asked is not None:
        raise UserError(
            f"{path} asks to run {asked}, which is no part of a model. Do not trust this file"
        )
    if isinstance(node, list | tuple):
        for value in node:
            _check_recipe(value, path)
