"""What LVIS adds to COCO's JSON: how rare a category is, and what is known of each picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.formats.coco_tables import ImageEntries
from glip_pl.data.formats.json_stream import items
from glip_pl.errors import UserError

Pairs = NDArray[np.int64]
"""(M, 2) place of the image among the ascending ids, category."""


def read_frequencies(path: Path, category_ids: Sequence[int]) -> list[str] | None:
    """LVIS's r, c or f of each category; None if the file does not say."""
    known = {
        int(one["id"]): str(one["frequency"])
        for one in items(path, "categories")
        if "frequency" in one
    }
    return [known.get(one, "") for one in category_ids] if known else None


def read_pairs(
    path: Path, images: ImageEntries, place: NDArray[np.int64], category_ids: Sequence[int]
) -> tuple[Pairs, Pairs]:
    """Categories known to be absent from an image, and those of which not all are boxed.

    `place` tells where each of `images` stands among the ascending ids.
    """
    label_of = {category: label for label, category in enumerate(category_ids)}
    found: dict[str, list[tuple[int, int]]] = {
        "neg_category_ids": [],
        "not_exhaustive_category_ids": [],
    }
    for number, entry in enumerate(items(path, "images")):
        try:
            row = images.row_of.get(int(entry["id"]))
            for key, pairs in found.items():
                known = [label_of[int(one)] for one in entry.get(key, ()) if int(one) in label_of]
                if row is not None:
                    pairs += [(int(place[row]), label) for label in known]
        except KeyError:
            continue  # without an id; left out when the images were read
        except (TypeError, ValueError, OverflowError) as error:
            raise UserError(
                f"{path}: entry {number} of `images` makes no sense: {error}"
            ) from error
    absent, incomplete = (np.asarray(one, dtype=np.int64).reshape(-1, 2) for one in found.values())
    return absent, incomplete
