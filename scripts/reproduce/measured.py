"""Reads what a command measured from the files that it left."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glip_pl.errors import UserError
from glip_pl.files.reading import read_json
from scripts.reproduce.patterns import found, number

OUTPUT = "output.txt"
"""The file of what a command prints."""

_TIMES = " * "


def measured_values(folder: Path, measured: Mapping[str, Any]) -> dict[str, float]:
    """Values by name: of a JSON file by their keys, of another file by patterns.

    Raises UserError if a file or a value is missing.
    """
    values: dict[str, float] = {}
    for name, places in measured.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"the command left no {path}")
        if path.suffix == ".json":
            content = read_json(path)
            values |= {key: _at(content, place, path) for key, place in places.items()}
        else:
            written = found(path.read_text(), places, str(path))
            values |= {key: number(text) for key, text in written.items()}
    return values


def _at(content: Any, place: str, path: Path) -> float:
    """The value at `sets.seen.figures.AP`, or 100 times it at `100 * sets.seen.figures.AP`."""
    factor, _, keys = place.rpartition(_TIMES)
    try:
        for key in keys.split("."):
            content = content[int(key) if isinstance(content, list) else key]
        return float(factor or 1) * float(content)
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path} has no number at {keys}") from error
