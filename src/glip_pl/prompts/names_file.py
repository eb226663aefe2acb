"""Reads a file with a category name per line."""

import re
from pathlib import Path

from glip_pl.errors import UserError

TABLES = {
    ".json": "JSON",
    ".jsonl": "JSON",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".yaml": "YAML",
    ".yml": "YAML",
}
"""Formats that hold more than names, by suffix."""

FIRST_LINES = {
    re.compile(r"[\[{]"): "JSON",
    re.compile(r"---$|(nc|names?|classes|categories|labels|path)\s*:"): "YAML",
    re.compile(r"\w+\s*=\s*[\[({\"']"): "a program or TOML",
    re.compile(r"item\s*\{"): "a label map",
    re.compile(r"<[!?a-zA-Z]"): "XML or a web page",
    re.compile(r"(id|class_?id|index|names?|label|class)\s*[,;|\t]", re.IGNORECASE): "CSV",
    re.compile(r"\|.*\|$"): "a table",
    re.compile(r"version https://git-lfs"): "a Git LFS pointer",
}
"""Formats by the first line."""

ALL_LINES = {
    re.compile(r"- "): "YAML",
    re.compile(r"\* "): "a list with bullets",
    re.compile(r"(['\"]).*\1,?$"): "a list in quotes",
    re.compile(r".*\t"): "CSV",
    re.compile(r"[^,]*\d[^, ]*,|n\d{8} "): "CSV",
}
"""Formats by what all lines have; the last one is an identifier before each name."""

NUMBER = re.compile(r"(\d{1,6})[.):;,]?\s*\D")
"""The number at the beginning of a line."""


def read_names(path: Path, setting: str = "names") -> list[str]:
    """The lines of a text file that are not empty, stripped.

    Raises UserError, naming the `setting`, if it cannot be read, or if it is a table or a list of
    another format.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(
            f"cannot read the names: {path} is no text in UTF-8: save it in this encoding (the "
            f"setting `{setting}`)"
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot read the names: {error} (the setting `{setting}` is a file with a name per "
            f"line, or a list, {setting}=[cat, dog])"
        ) from error
    names = [line.strip() for line in lines if line.strip()]
    kind = TABLES.get(path.suffix.lower()) or _format(names)
    if kind is not None:
        raise UserError(
            f"{path} is {kind}: `{setting}` takes a text file with one name per line and nothing "
            f"else, or a list, {setting}=[cat, dog]"
        )
    if any("\0" in name for name in names):
        raise UserError(f"{path} is no text: `{setting}` takes a text file with one name per line")
    if not names:
        raise UserError(f"{path} holds no name: write one name per line (the setting `{setting}`)")
    return names


def _format(lines: list[str]) -> str | None:
    """The format of a file with these lines if it is not a name per line."""
    if not lines:
        return None
    first = next((kind for pattern, kind in FIRST_LINES.items() if pattern.match(lines[0])), None)
    kinds = (kind for pattern, kind in ALL_LINES.items() if all(map(pattern.match, lines)))
    return first or next(kinds, None) or ("a numbered list" if _numbered(lines) else None)


def _numbered(lines: list[str]) -> bool:
    """Whether several lines are numbered from 0 or 1 on."""
    numbers = [int(found[1]) for found in map(NUMBER.match, lines) if found is not None]
    counted = [list(range(first, len(lines) + first)) for first in (0, 1)]
    return len(lines) > 1 and numbers in counted
