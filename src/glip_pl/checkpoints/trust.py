"""Checks settings from a checkpoint, which is untrusted data and must not run code."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from glip_pl.errors import UserError

PARTS = {
    "glip_pl.models.glip.GLIP": "glip_pl.models.glip.GLIP",
    "glip_pl.models.image_encoder.ImageEncoder": "glip_pl.models.image_encoder.ImageEncoder",
    "glip_pl.models.text_encoder.TextEncoder": "glip_pl.models.text_encoder.TextEncoder",
    "glip_pl.models.fusion.DeepFusion": "glip_pl.models.fusion.DeepFusion",
    "glip_pl.models.fusion.Shallow": "glip_pl.models.fusion.NoFusion",
    "glip_pl.models.fusion.NoFusion": "glip_pl.models.fusion.NoFusion",
}
"""Every class that a checkpoint may name, and the name under which it is defined today.

The names are complete: allowing a prefix would let a dotted name reach any function that a module
imports. A class that is renamed gets a second row, so that older checkpoints still load.
"""

TRANSFORM_KEYS = frozenset({"short_sides", "max_side", "flip"})
"""The entries of `eval_transform`, which all hold numbers."""

LEAVES_THE_FILE = r"\s*(hf[-_]hub|local[-_]dir):"
"""Prefixes, in any case, of model names that timm looks up on the hub or in a folder."""

READS_FILES = frozenset({"checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay"})
"""Options of timm that would make it read other files than the checkpoint."""


def check_input_settings(config: Mapping[str, Any], path: Path) -> None:
    """Raise UserError unless `tokenizer` is a name and `eval_transform` holds numbers only.

    Both become settings, where an interpolation or a `_target_` could run code.
    """
    tokenizer, transform = config.get("tokenizer", ""), config.get("eval_transform", {})
    is_name = isinstance(tokenizer, str) and "${" not in tokenizer
    if not (is_name and _holds_numbers(transform)):
        raise UserError(
            f"{path} has a `tokenizer` that is no name, or an `eval_transform` that holds more "
            "than numbers. Do not trust this file"
        )


def _holds_numbers(transform: Any) -> bool:
    if not isinstance(transform, Mapping) or not set(transform) <= TRANSFORM_KEYS:
        return False
    values = (
        number
        for value in transform.values()
        for number in (value if isinstance(value, list | tuple) else [value])
    )
    return all(isinstance(number, int | float) for number in values)


def trusted_recipe(recipe: Any, path: Path) -> dict[str, Any]:
    """A model's recipe with today's names of its classes.

    Raises UserError if building it would run, or read, anything but the parts of our models.
    """
    for value in _forbidden(recipe):
        raise UserError(
            f"{path} asks to run {value}, which is not a part of our models. Do not trust this file"
        )
    renamed: dict[str, Any] = _renamed(recipe)
    return renamed


def _forbidden(node: Any) -> Iterator[Any]:
    """Every class name, key and text in a recipe that is not allowed."""
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if target is not None and not (isinstance(target, str) and target in PARTS):
            yield target
        for key, value in node.items():
            if key in READS_FILES or not isinstance(key, str):
                yield key
            yield from _forbidden(key)
            yield from _forbidden(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _forbidden(value)
    elif isinstance(node, str) and ("${" in node or re.match(LEAVES_THE_FILE, node, re.I)):
        # OmegaConf would resolve an interpolation after this check, and timm would load a model
        # from the hub or a folder.
        yield node


def _renamed(node: Any) -> Any:
    """A recipe with the class names of PARTS replaced by today's."""
    if isinstance(node, Mapping):
        return {
            key: PARTS[value] if key == "_target_" and value is not None else _renamed(value)
            for key, value in node.items()
        }
    if isinstance(node, list | tuple):
        return [_renamed(value) for value in node]
    return node
