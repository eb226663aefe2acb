"""What LVIS adds to COCO's JSON: category frequencies, and lists of categories for each image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.formats.coco_tables import ImageEntries
from glip_pl.data.formats.json_stream import read_entries
from glip_pl.errors import UserError

Pairs = NDArray[np.int64]
"""(M, 2) position of the image among the ascending image ids, index of the category."""


def read_frequencies(path: Path, category_ids: Sequence[int]) -> list[str] | None:
    """LVIS's frequency (r, c or f) of each category; None if the file has none."""
    frequencies = {
        int(entry["id"]): str(entry["frequency"])
        for entry in read_entries(path, "categories")
        if "frequency" in entry
    }
    return [frequencies.get(key, "") for key in category_ids] if frequencies else None


def read_pairs(
    path: Path,
    images: ImageEntries,
    positions: NDArray[np.int64],
    category_ids: Sequence[int],
) -> tuple[Pairs, Pairs]:
    """Categories known to be absent from an image, and categories not exhaustively annotated in it.

    `positions` (I,) holds the position of each of `images` among the ascending image ids. Raises
    UserError if a list of categories cannot be read.
    """
    label_of = {category: label for label, category in enumerate(category_ids)}
    absent: list[tuple[int, int]] = []
    incomplete: list[tuple[int, int]] = []
    for number, entry in enumerate(read_entries(path, "images")):
        try:
            row = images.row(entry.get("id"))  # None if it was left out when images were read
            absent_labels = _labels(entry, "neg_category_ids", label_of)
            incomplete_labels = _labels(entry, "not_exhaustive_category_ids", label_of)
        except (TypeError, ValueError, OverflowError) as error:
            raise UserError(f"{path}: entry {number} of `images` is malformed: {error}") from error
        if row is not None:
            position = int(positions[row])
            absent += [(position, label) for label in absent_labels]
            incomplete += [(position, label) for label in incomplete_labels]
    return _pairs(absent), _pairs(incomplete)


def _labels(entry: Mapping[str, Any], key: str, label_of: Mapping[int, int]) -> list[int]:
    """The labels of the listed categories, without those that the reader does not know."""
    return [label_of[int(listed)] for listed in entry.get(key, ()) if int(listed) in label_of]


def _pairs(pairs: Sequence[tuple[int, int]]) -> Pairs:
    return np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
