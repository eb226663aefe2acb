"""Reads JSON so that every damaged file raises the same error."""

import json
from pathlib import Path
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """What a JSON text holds. Raises ValueError if it is malformed or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises OSError, or ValueError as `parse_json` does."""
    return parse_json(path.read_bytes())
