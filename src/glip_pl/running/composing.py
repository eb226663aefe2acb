"""Hydra's errors while it composes the settings of a command line, in one line each."""

import os
from difflib import get_close_matches

from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from glip_pl.errors import some

FULL_ERROR = "HYDRA_FULL_ERROR"
"""Variable of the environment with which Hydra raises errors instead of printing them."""


class RaisedErrors:
    """Lets Hydra raise its errors between `start` and `end`, whatever the user has chosen."""

    def __init__(self) -> None:
        self._chosen: str | None = os.environ.get(FULL_ERROR)

    def start(self) -> None:
        """Begin, before Hydra composes the settings."""
        self._chosen = os.environ.get(FULL_ERROR)
        os.environ[FULL_ERROR] = "1"

    def end(self) -> None:
        """Give the user's choice back; it may be called more than once."""
        if self._chosen is None:
            os.environ.pop(FULL_ERROR, None)
        else:
            os.environ[FULL_ERROR] = self._chosen


def composing_message(error: HydraException) -> str:
    """What is wrong with a command line, and what to type instead."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.options:
        name = str(error.missing_cfg_file or "").rpartition("/")[2]
        return f"{lines[0].rstrip('.')}; {_alternatives(name, error.options)}"
    if isinstance(cause, OmegaConfBaseException) and isinstance(cause.parent_node, DictConfig):
        names = [str(name) for name in cause.parent_node if name not in ("hydra", "_target_")]
        return f"no such setting: {cause.full_key}; {_alternatives(str(cause.key), names)}"
    if lines[0].startswith("Ambiguous value"):
        return f"{lines[0]}: quote a value with a comma, key=\"'a,b'\", or start a sweep with -m"
    return " ".join(lines)


def _alternatives(name: str, names: list[str]) -> str:
    """The most similar of the names, or else the first ones."""
    alike = get_close_matches(name, names, 1)
    listing = f"there are {some(names, 60)} (--cfg job prints all settings)"
    return f"did you mean {alike[0]}? {listing[0].upper()}{listing[1:]}" if alike else listing
