"""The home folder in place of `~` in paths of settings."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

_HOME = re.compile(r"(^|[\[,]\s*)(['\"]?)(~[^/\\,\[\]'\" ]*)(?=[/,\]'\"]|$)")
"""`~` or `~user` where a value or a member of a list begins, perhaps in quotes."""

NOT_PATHS = frozenset({"text"})
"""Settings that hold no path, whatever they begin with."""


def expanded(path: str) -> str:
    """A path with the home folder in place of `~`; unchanged if there is no such user."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        return path


def expanded_list(value: str) -> str:
    """A value, a list or values of a sweep as they are typed, with every `~` expanded."""
    return _HOME.sub(lambda match: match[1] + match[2] + expanded(match[3]), value)


def expand_home(config: DictConfig) -> None:
    """Put the home folder in place of `~` in all paths that a command's settings give.

    A name such as "~draft.png", which names no user, is a file of the current folder.
    """
    for node, key in _paths(config):
        node[key] = str(Path.cwd() / expanded(node[key]))


def _paths(node: DictConfig | ListConfig) -> Iterator[tuple[Any, Any]]:
    """The node and the key of every value below a node that begins with `~`."""
    keys = list(node) if isinstance(node, DictConfig) else range(len(node))
    for key in keys:
        if OmegaConf.is_interpolation(node, key) or OmegaConf.is_missing(node, key):
            continue
        value = node[key]
        if isinstance(value, DictConfig) or (isinstance(value, ListConfig) and key != "names"):
            yield from _paths(value)
        elif isinstance(value, str) and value.startswith("~") and key not in NOT_PATHS:
            yield node, key
