"""Label maps: JSON files {"0": name, "1": name, ...} beside ODVG lines and web shards."""

import json
from collections.abc import Mapping
from pathlib import Path

from glip_pl.errors import UserError


def read_label_map(path: Path) -> list[str]:
    """Names by label. Raises UserError if the file is not a label map or leaves a label out."""
    try:
        entries = json.loads(path.read_bytes())
        names_by_label = {int(label): str(name) for label, name in entries.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is not a label map: {error}") from error
    return names_in_order(names_by_label, path)


def names_in_order(names_by_label: Mapping[int, str], path: Path) -> list[str]:
    """Names in the order of their labels. Raises UserError unless these run from 0 without gaps."""
    labels = sorted(names_by_label)
    if labels != list(range(len(labels))):
        raise UserError(f"{path}: labels must run from 0 without a gap, and are {labels[:10]}")
    return [names_by_label[label] for label in labels]
