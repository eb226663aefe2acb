"""Files with explanations of category names (knowledge-augmented prompts)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glip_pl.errors import UserError
from glip_pl.files.reading import read_json
from glip_pl.files.small_yaml import read_small_yaml


@dataclass(frozen=True)
class Descriptions:
    """Texts that follow category names in a prompt."""

    texts: Mapping[str, str]
    general: bool  # whether they come from a knowledge file, which covers other data's names too


def read_descriptions(path: Path, knowledge: str) -> Descriptions:
    """Read a JSON or YAML file {"name": "text"}, or a released knowledge file.

    A knowledge file has several fields for each name; the texts are those of the field
    `knowledge`, of a list the first. Raises UserError for a file of another form.
    """
    path = path.expanduser()
    read = read_json if path.suffix == ".json" else read_small_yaml
    try:
        entries = read(path)
        general = any(isinstance(entry, Mapping) for entry in entries.values())
        texts = {str(name): _suffix(entry, knowledge) for name, entry in entries.items()}
    except (OSError, ValueError, AttributeError, UserError) as error:
        raise UserError(
            f'{path} must be a JSON or YAML file of the form {{"name": "text"}}, or a released '
            f"knowledge file: {error} (the setting `data.descriptions`)"
        ) from error
    return Descriptions({name: text for name, text in texts.items() if text}, general)


def _suffix(entry: Any, knowledge: str) -> str:
    """The text of an entry as it follows the name. Raises ValueError if the field is missing."""
    if not isinstance(entry, Mapping):
        return f" {str(entry).strip()}" if entry else ""
    if knowledge not in entry:
        raise ValueError(f"{dict(entry)} has no {knowledge!r} (the setting `data.knowledge`)")
    texts = entry[knowledge]
    first = texts[0] if isinstance(texts, list) and texts else texts
    return f": {str(first).strip().rstrip('.')}" if first else ""
