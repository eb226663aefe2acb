"""Reads a file with a category name per line."""

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


def read_names(path: Path) -> list[str]:
    """The lines of a text file that are not empty, stripped.

    Raises UserError if it cannot be read, or if it is JSON, CSV or YAML.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the names: {error} (the setting `names`)") from error
    names = [line.strip() for line in lines if line.strip()]
    kind = TABLES.get(path.suffix.lower()) or _format(names)
    if kind is not None:
        raise UserError(
            f"{path} is {kind}: `names` takes a text file with one name per line and nothing else, "
            "or a list, names=[cat, dog]"
        )
    if not names:
        raise UserError(f"{path} holds no name: write one name per line (the setting `names`)")
    return names


def _format(lines: list[str]) -> str | None:
    """The format of a file with these lines if it is not a name per line."""
    if not lines:
        return None
    if lines[0].startswith(("[", "{")):
        return "JSON"
    if lines[0] == "---" or all(line.startswith("- ") for line in lines):
        return "YAML"
    return "CSV" if all("\t" in line for line in lines) else None
