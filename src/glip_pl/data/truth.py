"""What evaluation measures against: the annotations exactly as their file has them.

An index holds what a model learns from: single precision, boxes cut at the border, no crowds. The
protocols count all of these, so they have their own reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.arrays import offsets_of
from glip_pl.data.index import Index
from glip_pl.data.records import Reader


@dataclass(frozen=True, eq=False)
class Truth:
    """Boxes of categories: I images, N boxes, C categories."""

    image_ids: NDArray[np.int64]  # (I,) ascending
    boxes: NDArray[np.float64]  # (N, 4) x, y, width, height in pixels
    areas: NDArray[np.float64]  # (N,) by which sizes count; in COCO that of the segmentation
    crowds: NDArray[np.bool_]  # (N,)
    images: NDArray[np.int64]  # (N,) index into image_ids
    labels: NDArray[np.int64]  # (N,) index into names
    names: Sequence[str]  # (C,)
    category_ids: NDArray[np.int64]  # (C,) as in the file
    frequencies: Sequence[str] | None = None  # (C,) LVIS's r, c, f
    absent: NDArray[np.int64] | None = None  # (M, 2) image, category: looked for and not there
    incomplete: NDArray[np.int64] | None = None  # (M, 2) image, category: not all are boxed

    def of_images(self, kept: NDArray[np.bool_]) -> "Truth":
        """Of the kept images (I,) alone."""
        if kept.all():
            return self
        place = np.cumsum(kept) - 1
        mine = kept[self.images]

        def moved(pairs: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
            if pairs is None:
                return None
            pairs = pairs[kept[pairs[:, 0]]]
            return np.stack([place[pairs[:, 0]], pairs[:, 1]], axis=1)

        return replace(
            self,
            image_ids=self.image_ids[kept],
            boxes=self.boxes[mine],
            areas=self.areas[mine],
            crowds=self.crowds[mine],
            images=place[self.images[mine]],
            labels=self.labels[mine],
            absent=moved(self.absent),
            incomplete=moved(self.incomplete),
        )


@dataclass(frozen=True, eq=False)
class PhraseTruth:
    """Boxes of the phrases of captions: I captions, P phrases, N boxes."""

    image_ids: NDArray[np.int64]  # (I,) ascending; one id per caption
    phrases: NDArray[np.int64]  # (I + 1,) where the phrases of each caption begin
    boxes: NDArray[np.float64]  # (N, 4) corners as in the file, pixels
    box_offsets: NDArray[np.int64]  # (P + 1,) where the boxes of each phrase begin
    kinds: Sequence[Sequence[str]] | None = None  # (P,) Flickr30k's people, animals, ...

    def of_images(self, kept: NDArray[np.bool_]) -> "PhraseTruth":
        """Of the kept captions (I,) alone."""
        if kept.all():
            return self
        of_phrase = np.repeat(kept, np.diff(self.phrases))
        of_box = np.repeat(of_phrase, np.diff(self.box_offsets))
        kinds = self.kinds
        if kinds is not None:
            kinds = [kinds[row] for row in np.flatnonzero(of_phrase).tolist()]
        return PhraseTruth(
            image_ids=self.image_ids[kept],
            phrases=offsets_of(np.diff(self.phrases)[kept]),
            boxes=self.boxes[of_box],
            box_offsets=offsets_of(np.diff(self.box_offsets)[of_phrase]),
            kinds=kinds,
        )


@runtime_checkable
class KnowsTruth(Protocol):
    """A reader whose file says more than an index keeps."""

    def truth(self) -> Truth | PhraseTruth:
        """All of it. Raises UserError."""


def truth_of(reader: Reader, index: Index) -> Truth | PhraseTruth:
    """What the file says if its reader knows, else what the index has kept of it."""
    if isinstance(reader, KnowsTruth):
        return reader.truth()
    return _phrases(index) if index.captioned.any() else _categories(index)


def _phrases(index: Index) -> PhraseTruth:
    order = np.argsort(index.image_ids, kind="stable")
    found: list[NDArray[np.float64]] = []
    counts = []
    for row in order.tolist():
        corners = np.asarray(index.boxes[row], dtype=np.float64) + np.asarray([0, 0, 1, 1])
        targets = index.targets[row]
        counts.append(int(index.phrase_offsets[row + 1] - index.phrase_offsets[row]))
        found += [corners[targets == phrase] for phrase in range(counts[-1])]
    return PhraseTruth(
        image_ids=np.asarray(index.image_ids)[order],
        phrases=offsets_of(np.asarray(counts, dtype=np.int64)),
        boxes=np.concatenate([np.zeros((0, 4)), *found]),
        box_offsets=offsets_of(np.asarray([len(one) for one in found], dtype=np.int64)),
    )


def _categories(index: Index) -> Truth:
    order = np.argsort(index.image_ids, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    corners = np.asarray(index.boxes.values, dtype=np.float64)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2] + 1], axis=1)
    return Truth(
        image_ids=np.asarray(index.image_ids)[order],
        boxes=boxes,
        areas=boxes[:, 2] * boxes[:, 3],
        crowds=np.zeros(len(boxes), dtype=np.bool_),
        images=place[np.repeat(np.arange(len(index)), index.boxes.lengths())],
        labels=np.asarray(index.targets.values, dtype=np.int64),
        names=index.names,
        category_ids=np.arange(1, len(index.names) + 1),
    )
