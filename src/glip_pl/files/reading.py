"""Reads JSON so that every damaged file raises the same error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from glip_pl.errors import UserError

T = TypeVar("T")


def parse_json(text: str | bytes) -> Any:
    """What a JSON text holds. Raises ValueError if it is malformed or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises OSError, or ValueError as `parse_json` does."""
    return parse_json(path.read_bytes())


def read_own(path: Path, interpret: Callable[[Any], T], remedy: str) -> T:
    """What `interpret` makes of a JSON file that an earlier run wrote.

    Raises UserError with the `remedy` if the file is damaged.
    """
    try:
        return interpret(read_json(path))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {remedy}") from error
