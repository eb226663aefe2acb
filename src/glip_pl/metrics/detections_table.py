"""Detections of many images as flat arrays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.errors import UserError


@dataclass(frozen=True, eq=False)
class DetectionsTable:
    """D boxes; equal scores rank in this order."""

    images: NDArray[np.int64]  # (D,) index into the truth's image_ids
    labels: NDArray[np.int64]  # (D,) category or phrase
    scores: NDArray[np.float64]  # (D,)
    boxes: NDArray[np.float64]  # (D, 4) x, y, width, height, or corners for phrases

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: NDArray[Any]) -> "DetectionsTable":
        return DetectionsTable(
            self.images[chosen], self.labels[chosen], self.scores[chosen], self.boxes[chosen]
        )

    @classmethod
    def from_coco(
        cls,
        results: Iterable[Mapping[str, Any]],
        image_ids: NDArray[np.int64],
        category_ids: NDArray[np.int64],
    ) -> Self:
        """COCO's list of results, by the truth's ids (each ascending). Raises UserError."""
        entries = list(results)
        images = np.asarray([one["image_id"] for one in entries], dtype=np.int64)
        categories = np.asarray([one["category_id"] for one in entries], dtype=np.int64)
        return cls(
            places(images, image_ids, "image"),
            places(categories, category_ids, "category"),
            np.asarray([one["score"] for one in entries], dtype=np.float64),
            np.asarray([one["bbox"] for one in entries], dtype=np.float64).reshape(-1, 4),
        )

    def top_per(self, groups: NDArray[np.int64], limit: int) -> NDArray[np.bool_]:
        """(D,) which are among the `limit` best of their group (D,)."""
        order = np.lexsort((-self.scores, groups))
        kept = np.empty(len(order), dtype=np.bool_)
        kept[order] = ranks(groups[order]) < limit
        return kept


def ranks(sorted_groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """(D,) the place of each within its group, from 0; equal groups stand together."""
    starts = np.flatnonzero(np.diff(sorted_groups, prepend=-1) != 0)
    lengths = np.diff(np.append(starts, len(sorted_groups)))
    return np.arange(len(sorted_groups)) - np.repeat(starts, lengths)


def places(ids: NDArray[np.int64], known: NDArray[np.int64], noun: str) -> NDArray[np.int64]:
    """Where each id stands among the known ones (ascending). Raises UserError naming a stranger."""
    found = np.searchsorted(known, ids)
    strange = (found == len(known)) | (known[np.minimum(found, len(known) - 1)] != ids)
    if strange.any():
        raise UserError(
            f"detections of the {noun} {ids[strange][0]}, which is not in the annotations: are "
            "they of another set?"
        )
    return found
