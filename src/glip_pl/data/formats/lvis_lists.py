"""Which categories were looked for: LVIS's lists and frequencies, and lists of other files."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.formats.coco_tables import CATEGORY_LISTS, ImageEntries
from glip_pl.data.formats.json_stream import read_entries

Labels = NDArray[np.int64]

Pairs = NDArray[np.int64]
"""(M, 2) position of the image among the ascending image ids, index of the category."""

NOT_EXHAUSTIVE = CATEGORY_LISTS[-1]


class ImageLists(NamedTuple):
    """What the lists of an image say about categories without a box, and with boxes."""

    absent: Labels | None  # known to be absent; None: all categories without a box
    not_exhaustive: Labels | None  # not all objects of these have a box; None: there are none


def read_frequencies(path: Path, category_ids: Sequence[int]) -> list[str] | None:
    """LVIS's frequency (r, c or f) of each category; None if the file has none."""
    frequencies = {
        int(entry["id"]): str(entry["frequency"])
        for entry in read_entries(path, "categories")
        if "frequency" in entry
    }
    return [frequencies.get(key, "") for key in category_ids] if frequencies else None


def image_lists(
    images: ImageEntries, row: int, label_of: Mapping[int, int], present: Labels
) -> ImageLists:
    """The lists of an image by its position; `present` are the labels of its boxes.

    What was looked for and has no box is absent, as are LVIS's negative categories. Unknown
    categories are left out.
    """
    if row not in images.lists:
        return ImageLists(None, None)
    searched, partial = _searched(images, row, label_of)
    if searched is not None:
        searched -= {*present.tolist(), *partial}
    return ImageLists(None if searched is None else _array(searched), _array(partial))


def pairs_of(
    images: ImageEntries, positions: NDArray[np.int64], category_ids: Sequence[int]
) -> tuple[Pairs, Pairs]:
    """Categories looked for in an image, and categories not exhaustively annotated in it.

    In images without a list all categories were looked for. `positions` (I,) holds the position of
    each of `images` among the ascending image ids.
    """
    label_of = {category: label for label, category in enumerate(category_ids)}
    absent: list[tuple[int, int]] = []
    incomplete: list[tuple[int, int]] = []
    for row, position in enumerate(positions.tolist()):
        searched, partial = _searched(images, row, label_of)
        known = label_of.values() if searched is None else sorted(searched)
        absent += [(position, label) for label in known]
        incomplete += [(position, label) for label in sorted(partial)]
    return _pairs(absent), _pairs(incomplete)


def _searched(
    images: ImageEntries, row: int, label_of: Mapping[int, int]
) -> tuple[set[int] | None, set[int]]:
    """Labels that were looked for, None for all, and those that are not exhaustive."""
    lists = images.lists.get(row, {})
    labels = {
        key: {label_of[category] for category in listed if category in label_of}
        for key, listed in lists.items()
    }
    partial = labels.pop(NOT_EXHAUSTIVE, set())
    return set().union(*labels.values()) if labels else None, partial


def _array(labels: Collection[int]) -> Labels:
    return np.asarray(sorted(labels), dtype=np.int64)


def _pairs(pairs: Sequence[tuple[int, int]]) -> Pairs:
    return np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
