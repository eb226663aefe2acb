"""Which of a teacher's boxes a student learns from; GLIP stores many and screens when it loads."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from glip_pl.data.arrays import Ragged
from glip_pl.data.index import Index

LEAST = 10
"""Captions that must say a phrase before its scores tell how sure a teacher can be of it."""


@dataclass(frozen=True)
class BoxFilter:
    """Boxes above a score; of those that overlap by more than `nms` (IoU), the best.

    The released GLIP-L learned from scores above 0.5, without NMS. With a `floor` every phrase has
    a threshold of its own between it and `min_score`, lower the less sure the teacher is of that
    phrase wherever it stands: what is seldom scores low (FlexMatch, Zhang et al. 2021).
    """

    min_score: float = 0.5
    min_boxes: int = 1  # pictures with fewer above the score are left out
    nms: float | None = None
    floor: float | None = None

    def of(self, index: Index) -> "FilteredBoxes":
        """The boxes of a source that pass."""
        if self.floor is None:
            few = np.broadcast_to(np.float32(self.min_score), len(index.scores.values))
        else:
            few = phrase_thresholds(index, self.min_score, self.floor)
        return FilteredBoxes(self, index, Ragged(few, index.scores.offsets))


@dataclass(frozen=True, eq=False)
class FilteredBoxes:
    """A source's boxes, and the score that each must exceed."""

    rule: BoxFilter
    index: Index
    thresholds: Ragged[np.float32]  # I x (N,)

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers that are spawned count again instead of getting a number for every box.
        return BoxFilter.of, (self.rule, self.index)

    def above(self) -> NDArray[np.bool_]:
        """Which of all boxes exceed their score."""
        return np.asarray(self.index.scores.values > self.thresholds.values)

    def rows(self) -> NDArray[np.bool_]:
        """Which pictures have enough boxes, (I,)."""
        above = np.concatenate([[0], np.cumsum(self.above())])
        return np.diff(above[self.index.scores.offsets]) >= self.rule.min_boxes

    def kept(self, row: int) -> NDArray[np.bool_]:
        """Which boxes of one picture to keep, (N,)."""
        boxes, scores = self.index.boxes[row], self.index.scores[row]
        kept = np.asarray(scores > self.thresholds[row])
        if self.rule.nms is None:
            return kept
        chosen = np.flatnonzero(kept)
        best = nms(torch.tensor(boxes[chosen]), torch.tensor(scores[chosen]), self.rule.nms)
        kept[:] = False
        kept[chosen[best.numpy()]] = True
        return kept


def phrase_thresholds(index: Index, min_score: float, floor: float) -> NDArray[np.float32]:
    """The score that each box of a source must exceed, (all boxes,).

    The mean of a phrase's best scores, beside that of the phrase the teacher knows best, tells
    how far below `min_score` its threshold lies. Reads every caption twice.
    """
    sums: dict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for row in range(len(index)):
        best = _best_scores(index, row)
        counts.update(best.keys())
        for text, score in best.items():
            sums[text] += score
    means = {text: sums[text] / count for text, count in counts.items() if count >= LEAST}
    top = max(means.values(), default=1.0)
    of_text = {text: max(floor, min_score * mean / top) for text, mean in means.items()}
    thresholds = np.full(len(index.scores.values), min_score, dtype=np.float32)
    for row in range(len(index)):
        first = int(index.scores.offsets[row])
        texts = _texts(index, row)
        for place, phrase in enumerate(index.targets[row].tolist()):
            thresholds[first + place] = of_text.get(texts[phrase], min_score)
    return thresholds


def _texts(index: Index, row: int) -> list[str]:
    caption = index.captions[row].lower()
    return [" ".join(caption[s:e] for s, e in phrase) for phrase in index.phrases(row)]


def _best_scores(index: Index, row: int) -> dict[str, float]:
    """The best score of every phrase with a box."""
    found: dict[str, float] = {}
    texts = _texts(index, row)
    for phrase, score in zip(index.targets[row].tolist(), index.scores[row].tolist(), strict=True):
        found[texts[phrase]] = max(score, found.get(texts[phrase], 0.0))
    return found
