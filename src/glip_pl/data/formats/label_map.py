"""Label maps: JSON files {"0": name, "1": name, ...} beside ODVG lines and web shards."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glip_pl.data.category_names import category_name
from glip_pl.errors import UserError

LABEL_MAP = "label_map.json"
"""Name of the label map that `python -m glip_pl.data convert` writes beside lines and shards."""


def label_map_beside(path: Path) -> Path | None:
    """The label map in the same folder; None if there is none."""
    label_map = path.parent / LABEL_MAP
    return label_map if label_map.is_file() else None


def read_label_map(path: Path) -> list[str]:
    """Names by label. Raises UserError if the file is not a label map or leaves a label out."""
    try:
        entries = json.loads(path.read_bytes())
        names_by_label = {int(label): category_name(name) for label, name in entries.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is not a label map: {error}") from error
    return names_in_order(names_by_label, path)


def names_in_order(names_by_label: Mapping[int, str], path: Path) -> list[str]:
    """Names in the order of their labels. Raises UserError unless these run from 0 without gaps."""
    labels = sorted(names_by_label)
    if labels != list(range(len(labels))):
        raise UserError(f"{path}: labels must run from 0 without a gap, and are {labels[:10]}")
    return [names_by_label[label] for label in labels]


def add_names(names_by_label: dict[int, str], instances: Iterable[Mapping[str, Any]]) -> None:
    """Add the names that boxes give their labels; `instances` are boxes of detection lines.

    Raises UserError if a label has two names, and KeyError, TypeError or ValueError if a box is
    malformed.
    """
    for instance in instances:
        if "category" not in instance:
            continue
        label, name = int(instance["label"]), category_name(instance["category"])
        known = names_by_label.setdefault(label, name)
        if known != name:
            raise UserError(f"the label {label} is called {known!r} and {name!r}")


def joined_names(of_ranges: Sequence[Mapping[int, str | None]]) -> dict[int, str] | None:
    """Names by label of all ranges of a source, of which None stands for a label without a name.

    None if a label has two names, or none.
    """
    joined: dict[int, str] = {}
    for of_range in of_ranges:
        for label, name in of_range.items():
            if name is not None and joined.setdefault(label, name) != name:
                return None
    return joined if all(label in joined for of_range in of_ranges for label in of_range) else None
