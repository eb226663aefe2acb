"""Ground truth of evaluation: the annotations exactly as their file has them.

An index is made for training: it has boxes in single precision, cut at the border, and no crowds.
The evaluation protocols need the original boxes and the crowds, so the file is read again for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.arrays import Ragged, offsets_of
from glip_pl.data.index import Index
from glip_pl.data.records import Reader


@dataclass(frozen=True, eq=False)
class Truth:
    """Boxes of categories: I images, N boxes, C categories.

    The fields are many because each is one array of a plain table.
    """

    image_ids: NDArray[np.int64]  # (I,) ascending
    boxes: NDArray[np.float64]  # (N, 4) x, y, width, height in pixels
    areas: NDArray[np.float64]  # (N,) square pixels; in COCO the area of the segmentation
    crowds: NDArray[np.bool_]  # (N,) whether a box holds several objects
    images: NDArray[np.int64]  # (N,) index into image_ids
    labels: NDArray[np.int64]  # (N,) index into names
    names: Sequence[str]  # (C,)
    category_ids: NDArray[np.int64]  # (C,) as in the file
    frequencies: Sequence[str] | None = None  # (C,) LVIS: r, c, f for rare, common, frequent
    absent: NDArray[np.int64] | None = None  # (M, 2) image, category: known to be absent
    incomplete: NDArray[np.int64] | None = None  # (M, 2) image, category: not all have boxes
    text_ids: Sequence[str] | None = None  # (I,) the file's ids of the images if these are texts

    def of_images(self, mask: NDArray[np.bool_]) -> "Truth":
        """The ground truth of the images of a mask (I,) alone."""
        if mask.all():
            return self
        new_image = np.cumsum(mask) - 1
        of_box = mask[self.images]

        def select(pairs: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
            if pairs is None:
                return None
            pairs = pairs[mask[pairs[:, 0]]]
            return np.stack([new_image[pairs[:, 0]], pairs[:, 1]], axis=1)

        return replace(
            self,
            image_ids=self.image_ids[mask],
            boxes=self.boxes[of_box],
            areas=self.areas[of_box],
            crowds=self.crowds[of_box],
            images=new_image[self.images[of_box]],
            labels=self.labels[of_box],
            absent=select(self.absent),
            incomplete=select(self.incomplete),
            text_ids=None if self.text_ids is None else [*compress(self.text_ids, mask)],
        )


@dataclass(frozen=True, eq=False)
class PhraseTruth:
    """Boxes of the phrases of captions: I captions, P phrases, N boxes."""

    image_ids: NDArray[np.int64]  # (I,) ascending; one id per caption
    phrases: NDArray[np.int64]  # (I + 1,) where the phrases of each caption begin
    boxes: NDArray[np.float64]  # (N, 4) corners as in the file, pixels
    box_offsets: NDArray[np.int64]  # (P + 1,) where the boxes of each phrase begin
    kinds: Sequence[Sequence[str]] | None = None  # (P,) Flickr30k's types: people, animals, ...

    def of_images(self, mask: NDArray[np.bool_]) -> "PhraseTruth":
        """The ground truth of the captions of a mask (I,) alone."""
        if mask.all():
            return self
        of_phrase = np.repeat(mask, np.diff(self.phrases))
        of_box = np.repeat(of_phrase, np.diff(self.box_offsets))
        kinds = self.kinds
        if kinds is not None:
            kinds = [kinds[row] for row in np.flatnonzero(of_phrase).tolist()]
        return PhraseTruth(
            image_ids=self.image_ids[mask],
            phrases=offsets_of(np.diff(self.phrases)[mask]),
            boxes=self.boxes[of_box],
            box_offsets=offsets_of(np.diff(self.box_offsets)[of_phrase]),
            kinds=kinds,
        )


@runtime_checkable
class KnowsTruth(Protocol):
    """A reader of a format whose files hold more ground truth than an index."""

    def truth(self) -> Truth | PhraseTruth:
        """The ground truth of the whole file. Raises UserError if it cannot be read."""


def truth_of(reader: Reader, index: Index) -> Truth | PhraseTruth:
    """The ground truth of the file if the reader knows it, else that of the index."""
    if isinstance(reader, KnowsTruth):
        return reader.truth()
    return _phrases(index) if index.captioned.any() else _categories(index)


def _phrases(index: Index) -> PhraseTruth:
    """Ground truth of an index of captions; box corners become those of `PhraseTruth`."""
    order = np.argsort(index.image_ids, kind="stable")
    of_phrases: list[NDArray[np.float64]] = []  # the boxes of every phrase
    counts = []
    for row in order.tolist():
        corners = np.asarray(index.boxes[row], dtype=np.float64) + np.asarray([0, 0, 1, 1])
        targets = index.targets[row]
        counts.append(int(index.phrase_offsets[row + 1] - index.phrase_offsets[row]))
        of_phrases += [corners[targets == phrase] for phrase in range(counts[-1])]
    return PhraseTruth(
        image_ids=np.asarray(index.image_ids)[order],
        phrases=offsets_of(np.asarray(counts, dtype=np.int64)),
        boxes=np.concatenate([np.zeros((0, 4)), *of_phrases]),
        box_offsets=offsets_of(np.asarray([len(boxes) for boxes in of_phrases], dtype=np.int64)),
    )


def _categories(index: Index) -> Truth:
    """Ground truth of an index of categories; areas are those of the boxes."""
    absent = incomplete = None
    if index.listed.all():
        absent, incomplete = (
            _pairs(index, lists) for lists in (index.absent, index.not_exhaustive)
        )
    order = np.argsort(index.image_ids, kind="stable")
    image_of = np.empty(len(order), dtype=np.int64)
    image_of[order] = np.arange(len(order))
    corners = np.asarray(index.boxes.values, dtype=np.float64)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2] + 1], axis=1)
    return Truth(
        image_ids=np.asarray(index.image_ids)[order],
        boxes=boxes,
        areas=boxes[:, 2] * boxes[:, 3],
        crowds=np.zeros(len(boxes), dtype=np.bool_),
        images=image_of[np.repeat(np.arange(len(index)), index.boxes.lengths())],
        labels=np.asarray(index.targets.values, dtype=np.int64),
        names=index.names,
        category_ids=np.arange(1, len(index.names) + 1),
        absent=absent,
        incomplete=incomplete,
    )


def _pairs(index: Index, lists: Ragged[np.int32]) -> NDArray[np.int64]:
    """(M, 2) the image, among ascending ids, and the category of each entry of an index's lists."""
    places = np.argsort(np.argsort(index.image_ids, kind="stable"), kind="stable")
    images = np.repeat(places, lists.lengths())
    return np.stack([images, np.asarray(lists.values, dtype=np.int64)], axis=1)
