"""Builds the model of a checkpoint from its settings and loads its weights."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from torch import Tensor, nn

from glip_pl.checkpoints.reading import PROMPTS, VISUAL, Checkpoint, read_checkpoint
from glip_pl.checkpoints.recipes import without_pretrained
from glip_pl.checkpoints.trust import check_complete, trusted_recipe
from glip_pl.checkpoints.weights import non_finite
from glip_pl.errors import UserError, first_line, some
from glip_pl.models.glip import GLIP

log = logging.getLogger(__name__)

MAX_CONSTANTS = 2**26
"""Numbers in all buffers of a model, of which most are computed and not in its checkpoint."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A model with its weights, and the settings of its input."""

    model: GLIP
    config: dict[str, Any]  # keys model, eval_transform, tokenizer


def load_trained(path: str | Path) -> Trained:
    """The model of a checkpoint, in evaluation mode, and its settings.

    Raises UserError if it cannot be built safely.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path)
    recipe = trusted_recipe(checkpoint.config.get("model"), path)
    try:
        check_blueprint(recipe, checkpoint, path)
        model = rebuild(recipe, checkpoint, path)
    except UserError:
        raise
    except Exception as error:  # Hydra, OmegaConf, timm and torch raise many kinds
        cause = error.__cause__ if isinstance(error.__cause__, UserError) else first_line(error)
        raise UserError(f"{path} does not say how to build its model: {cause}") from error
    check_complete(checkpoint.config, path)
    if any(bool(table.any()) for table in model.prompts.parameters()):
        log.warning(
            "%s contains a learned prompt, which changes the detections for any text: use it for "
            "the names that it was tuned for, and for other texts the model that it was tuned from",
            path,
        )
    return Trained(model.eval(), checkpoint.config)


def rebuild(recipe: Mapping[str, Any], checkpoint: Checkpoint, path: Path) -> GLIP:
    """The model of a recipe with the weights of a checkpoint; nothing is downloaded.

    The recipe is the checkpoint's own after `trusted_recipe`, or the user's `model` settings.
    Raises UserError if the weights do not fit.
    """
    model: GLIP = instantiate(without_pretrained(recipe))
    load_weights(model, checkpoint, path)
    return model


def check_blueprint(recipe: Mapping[str, Any], checkpoint: Checkpoint, path: Path) -> None:
    """Raise UserError if the model of an untrusted recipe is not as large as its weights.

    The model is built without memory for its tensors, so that absurd settings cost none.
    """
    try:
        with torch.device("meta"):
            model: GLIP = instantiate(without_pretrained(recipe))
    except InstantiationException as error:
        if "meta" in str(error):  # a network of timm that computes values while it is built
            return
        raise
    check_fit(model, fitting(model, checkpoint), checkpoint, path)
    if sum(buffer.numel() for buffer in model.buffers()) > MAX_CONSTANTS:
        raise UserError(f"{path} describes a model of absurd size. Do not trust this file")


def load_weights(model: nn.Module, checkpoint: Checkpoint, path: Path) -> None:
    """Load the weights of a checkpoint into a model; NaN and infinite values give a warning.

    Raises UserError naming weights that are missing, left over, or of another shape.
    """
    weights = fitting(model, checkpoint)
    check_fit(model, weights, checkpoint, path)
    names = non_finite(weights)
    if names:
        log.warning(
            "%s has weights that are NaN or infinite, so that its detections are meaningless: %s. "
            "The training that wrote it has diverged, or the file is damaged: use an earlier "
            "checkpoint",
            path,
            some(names),
        )
    model.load_state_dict(weights, strict=False)  # without a learned prompt its tables stay zero


def fitting(model: nn.Module, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The weights of a checkpoint, the tables of a learned prompt with the model's rows."""
    expected = model.state_dict()
    return {
        name: _with_rows(value, expected[name])
        if name.startswith(PROMPTS) and name in expected
        else value
        for name, value in checkpoint.weights.items()
    }


def check_fit(
    model: nn.Module, weights: Mapping[str, Tensor], checkpoint: Checkpoint, path: Path
) -> None:
    """Raise UserError naming weights that are missing, left over, or of another shape."""
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    actual = {name: tuple(value.shape) for name, value in weights.items()}
    faults = _faults(expected, actual)
    if faults:
        raise UserError(
            f"the weights of {path} do not fit this model; set {_remedy(checkpoint)}, the "
            f"model that they belong to ({'; '.join(faults)})"
        )


def _faults(
    expected: Mapping[str, tuple[int, ...]], actual: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """Differences between the shapes of a model's weights and those of a checkpoint, in words."""
    groups = {
        # The tables of a learned prompt and the part for examples may be missing: without training
        # the former change nothing, and the latter is used for examples only.
        "missing": [
            name
            for name in expected
            if name not in actual and not name.startswith((PROMPTS, VISUAL))
        ],
        "not in the model": [name for name in actual if name not in expected],
        "of another shape": [
            f"{name} {actual[name]} instead of {shape}"
            for name, shape in expected.items()
            if actual.get(name, shape) != shape
        ],
    }
    return [f"{fault}: {some(names)}" for fault, names in groups.items() if names]


def _remedy(checkpoint: Checkpoint) -> str:
    """The settings on a command line that choose the model of a checkpoint."""
    remedy = f"model={checkpoint.released}" if checkpoint.released else "model=..."
    tables = sum(name.startswith(PROMPTS) for name in checkpoint.weights)
    if tables:
        remedy = f"{remedy} model.prompts={tables}"
    if any(name.startswith(VISUAL) for name in checkpoint.weights):
        remedy = f"{remedy} model.visual_prompts=true"
    return remedy


def _with_rows(table: Tensor, expected: Tensor) -> Tensor:
    """The table of a learned prompt (N, C) with the expected rows: cut, or filled up with zeros.

    A table of another width or dimension stays as it is.
    """
    if table.dim() != 2 or table.shape[1:] != expected.shape[1:]:
        return table
    resized = table.new_zeros(len(expected), *table.shape[1:])
    resized[: len(table)] = table[: len(expected)]
    return resized
