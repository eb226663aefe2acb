"""Checks settings from a checkpoint, which is untrusted data and must not run code."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from glip_pl.errors import UserError, shown

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


MAX_PICTURE_SIDE = 8192
"""Pixels of the longest side to which a checkpoint may have pictures resized."""

LIMITS = {
    "layers": 64,
    "channels": 4096,
    "prompts": 64,
    "prompt_rows": 10_000,
    "inner_dim": 16_384,
    "window_size": 64,
}
"""Largest numbers under some keys of a recipe; the released models stay below a tenth of most."""

LARGEST_NUMBER = 4096
"""Largest number under any other key of a recipe."""

MAX_DEPTH, MAX_VALUES, MAX_TEXT = 20, 10_000, 1000
"""Levels and values of the largest recipe, and characters of its longest text."""


def check_input_settings(config: Mapping[str, Any], path: Path) -> None:
    """Raise UserError unless `tokenizer` is a name and `eval_transform` holds sensible numbers.

    Both become settings, where an interpolation or a `_target_` could run code.
    """
    tokenizer, transform = config.get("tokenizer", ""), config.get("eval_transform", {})
    is_name = isinstance(tokenizer, str) and "${" not in tokenizer and len(tokenizer) <= MAX_TEXT
    if not (is_name and _holds_numbers(transform)):
        raise UserError(
            f"{path} has a `tokenizer` that is no name, or an `eval_transform` that holds more "
            "than numbers. Do not trust this file"
        )
    for key, value in transform.items():
        if not _is_sensible(key, value):
            raise UserError(
                f"{path} has the nonsensical eval_transform.{key}={shown(value)}: sides are whole "
                f"numbers of 1 to {MAX_PICTURE_SIDE} pixels, and flip is a probability. Do not "
                "trust this file"
            )


def check_complete(config: Mapping[str, Any], path: Path) -> None:
    """Raise UserError unless the settings of a model's input, checked before, are all there."""
    transform = config.get("eval_transform", {})
    if not config.get("tokenizer") or not {"short_sides", "max_side"} <= set(transform):
        raise UserError(
            f"{path} does not say how to prepare the input of its model: it needs `tokenizer`, "
            "`eval_transform.short_sides` and `eval_transform.max_side`"
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


def _is_sensible(key: str, value: Any) -> bool:
    """Whether an entry of `eval_transform` has a value that a picture can be resized with."""
    if key == "flip":
        return isinstance(value, int | float) and 0 <= value <= 1
    sides = value if key == "short_sides" else [value]
    return (
        isinstance(sides, list | tuple)
        and len(sides) > 0
        and all(type(side) is int and 1 <= side <= MAX_PICTURE_SIDE for side in sides)
    )


def trusted_recipe(recipe: Any, path: Path) -> dict[str, Any]:
    """A model's recipe with today's names of its classes.

    Raises UserError if building it would run, or read, anything but the parts of our models, or if
    its numbers are absurd.
    """
    _check_size(recipe, path)
    for value in _forbidden(recipe):
        raise UserError(
            f"{path} asks to run {shown(value)}, which is not a part of our models. Do not trust "
            "this file"
        )
    renamed: dict[str, Any] = _renamed(recipe)
    return renamed


def _check_size(recipe: Any, path: Path) -> None:
    """Raise UserError unless a recipe is a small tree of sensible numbers and short texts.

    Lists that hold themselves, or each other many times, are deep or have many values.
    """
    pending: list[tuple[Any, Any, int]] = [("model", recipe, 0)]
    count = 0
    while pending:
        key, node, depth = pending.pop()
        if isinstance(node, Mapping | list | tuple):
            count += len(node)
            if depth > MAX_DEPTH or count > MAX_VALUES:
                raise UserError(
                    f"{path} has settings of a model that are nested too deeply or too long. Do "
                    "not trust this file"
                )
            members = node.items() if isinstance(node, Mapping) else ((key, v) for v in node)
            pending += [(name, value, depth + 1) for name, value in members]
        elif not _is_small(key, node):
            raise UserError(
                f"{path} has the absurd setting {shown(key)}={shown(node)} of its model. Do not "
                "trust this file"
            )


def _is_small(key: Any, value: Any) -> bool:
    """Whether a value of a recipe is null, a short text, or a number within the limit of its key.

    NaN is within no limit.
    """
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    limit = LIMITS.get(key, LARGEST_NUMBER)
    return value is None or (isinstance(value, int | float) and -limit <= value <= limit)


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
