"""A folder with everything that a model needs: weights, settings, tokenizer, text encoder's form.

The settings in its weights file name the last two as `folder://tokenizer` and
`folder://text_encoder`, so that the folder can be moved, and needs no other source.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from glip_pl.errors import UserError, shown

WEIGHTS = "model.safetensors"
"""The file of such a folder that is a checkpoint."""

SCHEME = "folder://"
"""Prefix of a path in the folder of the checkpoint that names it."""

TOKENIZER, TEXT_ENCODER = "tokenizer", "text_encoder"
"""Folders of such a folder."""


def checkpoint_file(path: Path) -> Path:
    """The checkpoint of a folder that holds one model; any other path as it is."""
    return path / WEIGHTS if (path / WEIGHTS).is_file() else path


def with_own_sources(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a model whose tokenizer and text encoder are in its folder."""
    model = config["model"]
    encoder = {**model["text_encoder"], "source": f"{SCHEME}{TEXT_ENCODER}", "pretrained": False}
    return {
        **config,
        "model": {**model, "text_encoder": encoder},
        "tokenizer": f"{SCHEME}{TOKENIZER}",
    }


def located(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The settings of the checkpoint at `path`, with the paths of what is in its folder.

    The settings may be a stranger's. Raises UserError for a path that leaves the folder.
    """
    config = dict(config)
    if "tokenizer" in config:
        config["tokenizer"] = _located(config["tokenizer"], path)
    model = config.get("model")
    encoder = model.get("text_encoder") if isinstance(model, Mapping) else None
    if isinstance(model, Mapping) and isinstance(encoder, Mapping):
        source = _located(encoder.get("source"), path)
        config["model"] = {**model, "text_encoder": {**encoder, "source": source}}
    return config


def _located(source: Any, path: Path) -> Any:
    """A source as a path, if it is one in the folder of the checkpoint."""
    if not isinstance(source, str) or not source.startswith(SCHEME):
        return source
    inside = source.removeprefix(SCHEME)
    parts = PurePosixPath(inside).parts
    if not parts or ".." in parts or PurePosixPath(inside).is_absolute() or "\\" in inside:
        raise UserError(
            f"{path} names {shown(source)}, which is outside its folder. Do not trust this file"
        )
    return str(path.absolute().parent / inside)
