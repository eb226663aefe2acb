"""Which records of a source are used, and which boxes of each record."""

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.few_shot import FewShot
from glip_pl.data.filtering import BoxFilter, FilteredBoxes
from glip_pl.data.index import Index
from glip_pl.data.index_integrity import checksum_of
from glip_pl.data.shared_array import shared_array
from glip_pl.errors import UserError

log = logging.getLogger(__name__)


class Annotations(NamedTuple):
    """The boxes of one record."""

    boxes: NDArray[np.float32]  # (N, 4) inclusive corners, pixels of the annotated size
    targets: NDArray[np.int32]  # (N,) category or phrase
    scores: NDArray[np.float32]  # (N,) a teacher's confidence; 1 for boxes that people drew


@dataclass(frozen=True)
class Selection:
    """Settings that choose records and boxes; by default all that can be used.

    `few_shot` keeps a few pictures of every category, `box_filter` the boxes that a teacher was
    sure of, `skip` leaves out the first records of those that are left, and `limit` keeps the first
    ones after them. With `keep_empty` pictures in
    which nothing is annotated are trained on too, as background.
    """

    few_shot: FewShot | None = None
    box_filter: BoxFilter | None = None
    limit: int | None = None
    skip: int | None = None
    keep_empty: bool = False

    def for_training(self, index: Index, source: str) -> "SelectedRecords":
        """Records to learn from. Raises UserError, naming the `source`, if none has a box."""
        filtered = None if self.box_filter is None else self.box_filter.of(index)

        def rows() -> NDArray[np.int64]:
            usable = have_boxes(index) if filtered is None else filtered.have_enough()
            if not usable.any():
                raise UserError(
                    f"{source} has no image with a box: nothing to train on (crowds, iscrowd=1, "
                    "are left out)"
                )
            if self.keep_empty:
                usable = usable | index.empty
            return self._narrow(index, np.flatnonzero(usable))

        key = (str(index.folder), checksum_of(index.folder), self)
        chosen = shared_array(key, 0, len(index), rows) if filtered is None else rows()
        selected = SelectedRecords(self, index, chosen, filtered)
        self._log_empty(selected, source)
        return selected

    def _log_empty(self, selected: "SelectedRecords", source: str) -> None:
        """Log what becomes of the images in which nothing is annotated, if there are any."""
        empty = selected.index.empty
        if not empty.any():
            return
        kept = int(empty[selected.rows].sum())
        if kept:
            fate = (
                f"{kept} of these are trained on as background (keep_empty=false leaves them out)"
            )
        elif self.keep_empty:
            fate = "these are not among the chosen images (the settings few_shot and limit)"
        else:
            fate = "these are left out of training (keep_empty=true trains on them as background)"
        log.info(
            "%s: nothing is annotated in %d of %d images: %s",
            source,
            empty.sum(),
            len(empty),
            fate,
        )

    def for_evaluation(self, index: Index, source: str) -> "SelectedRecords":
        """All pictures, but captions only if they have phrases; pictures without boxes count too.

        Raises UserError, naming the `source`, if no record is left.
        """
        have_phrases = np.diff(index.phrase_offsets) > 0
        rows = np.flatnonzero(~index.captioned | have_phrases)
        if not len(rows):
            raise UserError(f"{source} has no image to evaluate on")
        selected = SelectedRecords(self, index, self._narrow(index, rows))
        if not len(selected):
            raise UserError(f"{source} has {len(rows)} images, and skip={self.skip} leaves none")
        return selected

    def _narrow(self, index: Index, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the chosen pictures."""
        if self.few_shot is not None:
            rows = self.few_shot.rows(index, rows)
        return rows[self.skip or 0 :][: self.limit]


@dataclass(frozen=True, eq=False)
class SelectedRecords:
    """The chosen records of an index, with their chosen boxes."""

    selection: Selection
    index: Index
    rows: NDArray[np.int64]  # (R,) the chosen records of the index, ascending
    filtered: FilteredBoxes | None = None  # None: all boxes of a record are used

    def __len__(self) -> int:
        return len(self.rows)

    def annotations(self, row: int) -> Annotations:
        """The boxes of one record (a row of the index) that are used."""
        index = self.index
        boxes, targets, scores = index.boxes[row], index.targets[row], index.scores[row]
        if self.filtered is None:
            return Annotations(boxes, targets, scores)
        mask = self.filtered.mask(row)
        return Annotations(boxes[mask], targets[mask], scores[mask])


def have_boxes(index: Index) -> NDArray[np.bool_]:
    """Which records have a box that is wider and higher than one pixel, (I,)."""
    sides = index.boxes.values[:, 2:] - index.boxes.values[:, :2]
    counts = np.concatenate([[0], np.cumsum((sides > 0).all(1))])
    return np.asarray(np.diff(counts[index.boxes.offsets]) > 0)
