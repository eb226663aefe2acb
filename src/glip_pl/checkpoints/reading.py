"""Reads the weights and settings of any file that holds a GLIP, without running code from it.

Three kinds are known: Lightning checkpoints of this package, files that `glip_pl.convert` wrote,
and the official released files.
"""

import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from glip_pl.checkpoints import official
from glip_pl.checkpoints.file_kinds import (
    check_archive,
    check_header,
    no_checkpoint,
    parsed_settings,
    torch_fault,
)
from glip_pl.checkpoints.low_rank import merged
from glip_pl.checkpoints.model_folder import checkpoint_file, located
from glip_pl.checkpoints.numpy_scalars import NUMPY_SCALARS
from glip_pl.checkpoints.recipes import released_settings
from glip_pl.checkpoints.trust import check_input_settings
from glip_pl.checkpoints.weights import check_weights
from glip_pl.errors import UserError, first_line, shown, some

log = logging.getLogger(__name__)

CONFIG_KEY = "glip_pl"
"""Key under which this package's checkpoints keep the settings of their model."""

MODEL_PREFIX = "model."
"""Prefix of the names of the model's weights in a Lightning checkpoint."""

PROMPTS = "prompts."
"""Prefix of the names of a learned prompt's weights in a model."""

VISUAL = "visual."
"""Prefix of the names of the weights by which a model reads examples."""

MAX_SCALE = 1e6
"""Largest factor of low-rank updates that a checkpoint may have."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights and settings of a model, as a file holds them."""

    weights: Mapping[str, Tensor]  # by the model's own names; the moving average if there is one
    config: dict[str, Any]  # keys model, eval_transform, tokenizer
    resumable: bool = False  # whether the file holds the optimizer's state too
    released: str | None = None  # the setting model= of an official file


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file of any kind. Raises UserError if it is missing, broken, or of no known kind."""
    path = checkpoint_file(path)
    if not path.exists():
        raise UserError(f"no such checkpoint: {path}")
    if path.suffix == ".safetensors":
        return _read_converted(path)
    entries = load_entries(path)
    if CONFIG_KEY in entries:
        return _read_own(entries, path)
    check_weights(official.state_dict(entries) or {}, path)
    return _read_released(entries, path)


def load_entries(path: Path) -> dict[str, Any]:
    """The entries of a file that torch.save wrote; empty if it does not hold a dictionary.

    Raises UserError if it is broken, would run code or would unpack to more than its size.
    """
    try:
        check_archive(path)
        # Files from before torch 1.6 are no zip archives and cannot be mapped into memory.
        with torch.serialization.safe_globals(NUMPY_SCALARS):
            loaded = torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except UserError:
        raise
    except Exception as error:  # torch raises many kinds on a broken or unsafe file
        raise no_checkpoint(path, torch_fault(error)) from error
    return loaded if isinstance(loaded, dict) else {}


def _read_own(entries: Mapping[str, Any], path: Path) -> Checkpoint:
    """A Lightning checkpoint of this package."""
    config, state = entries[CONFIG_KEY], entries.get("state_dict")
    if not isinstance(config, Mapping) or not isinstance(state, Mapping):
        raise UserError(f"{path} is no readable checkpoint: it has no weights or no settings")
    check_weights(state, path)
    check_input_settings(config, path)
    weights = {
        name.removeprefix(MODEL_PREFIX): value
        for name, value in state.items()
        if name.startswith(MODEL_PREFIX)
    }
    scale = config.get("lora_scale")
    if scale is not None:
        weights = _merged(weights, scale, path)
    return Checkpoint(weights, dict(config), resumable=True)


def _merged(weights: Mapping[str, Tensor], scale: Any, path: Path) -> dict[str, Tensor]:
    """The weights with their low-rank updates."""
    if not isinstance(scale, int | float) or not abs(scale) <= MAX_SCALE:
        raise UserError(
            f"{path} is no readable checkpoint: its lora_scale={shown(scale)} is absurd"
        )
    try:
        return merged(weights, float(scale))
    except UserError as error:
        raise UserError(f"{path} is no readable checkpoint: {error}") from error


def _read_released(entries: Mapping[str, Any], path: Path) -> Checkpoint:
    """A file that GLIP's authors released, or one of the same form."""
    state = official.state_dict(entries)
    if state is None:
        raise UserError(
            f"{path} holds no GLIP: it has neither the entry {CONFIG_KEY!r} of this package's "
            "checkpoints nor the keys of a released model"
        )
    name = official.model_name(state)
    try:
        weights = official.convert(state)
        if unknown := official.unknown_keys(state):
            log.warning("%s: ignored keys that no released GLIP has: %s", path, some(unknown))
        settings = released_settings(name)
        settings["model"]["prompts"] = int(f"{PROMPTS}0.weight" in weights)
        return Checkpoint(weights, settings, released=name)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _read_converted(path: Path) -> Checkpoint:
    """A file that `glip_pl.convert` wrote."""
    try:
        check_header(path)
        with safe_open(path, framework="pt") as file:
            config = (file.metadata() or {}).get(CONFIG_KEY)  # JSON
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise no_checkpoint(path, first_line(error)) from error
    if config is None:
        raise UserError(
            f"{path} was not written by glip_pl.convert: its metadata has no entry {CONFIG_KEY!r}"
        )
    try:
        settings = dict(parsed_settings(config))
    except ValueError as error:
        raise UserError(
            f"{path} is no readable checkpoint: its settings are broken ({first_line(error)})"
        ) from error
    check_weights(weights, path)
    check_input_settings(settings, path)
    return Checkpoint(weights, located(settings, path))
