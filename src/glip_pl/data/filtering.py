"""Which of a teacher's boxes a student learns from.

GLIP's web data hold many boxes, and those of low scores are left out when they are loaded.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from glip_pl.data.arrays import Ragged
from glip_pl.data.index import Index
from glip_pl.errors import UserError
from glip_pl.types import Prompt

MIN_CAPTIONS = 10
"""Number of captions with a phrase from which on the phrase has a threshold of its own."""


@dataclass(frozen=True)
class BoxFilter:
    """Boxes above a score; of those that overlap by more than `nms` (IoU), only the best.

    The released GLIP-L was trained on scores above 0.5, without non-maximum suppression. With a
    `floor` every phrase has a threshold of its own between `floor` and `min_score`, which is lower
    the lower the teacher's scores of this phrase are in all captions: a teacher gives low scores to
    what is rare (FlexMatch, Zhang et al. 2021).
    """

    min_score: float = 0.5
    min_boxes: int = 1  # records with fewer boxes above the score are left out
    nms: float | None = None
    floor: float | None = None

    def of(self, index: Index) -> "FilteredBoxes":
        """The boxes of a source that pass.

        Raises UserError for a `floor` where targets are categories, which have no phrases.
        """
        if self.floor is None:
            thresholds = np.broadcast_to(np.float32(self.min_score), len(index.scores.values))
        elif not index.captioned.all():
            raise UserError(
                f"box_filter.floor={self.floor} gives the phrases of captions thresholds of their "
                "own, and this source has boxes of categories: set box_filter.floor=null"
            )
        else:
            thresholds = phrase_thresholds(index, self.min_score, self.floor)
        return FilteredBoxes(self, index, Ragged(thresholds, index.scores.offsets))


@dataclass(frozen=True, eq=False)
class FilteredBoxes:
    """The boxes of I records, and the score that each box must exceed."""

    rule: BoxFilter
    index: Index
    thresholds: Ragged[np.float32]  # I x (N,)

    def __reduce__(self) -> tuple[Any, ...]:
        # Spawned workers compute the thresholds again instead of receiving a number for every box.
        return BoxFilter.of, (self.rule, self.index)

    def above(self) -> NDArray[np.bool_]:
        """Which of all boxes exceed their thresholds, (all boxes,)."""
        return np.asarray(self.index.scores.values > self.thresholds.values)

    def have_enough(self) -> NDArray[np.bool_]:
        """Which records have at least `min_boxes` boxes above their thresholds, (I,)."""
        counts = np.concatenate([[0], np.cumsum(self.above())])
        return np.diff(counts[self.index.scores.offsets]) >= self.rule.min_boxes

    def mask(self, row: int) -> NDArray[np.bool_]:
        """Which boxes of one record pass, (N,)."""
        boxes, scores = self.index.boxes[row], self.index.scores[row]
        mask = np.asarray(scores > self.thresholds[row])
        if self.rule.nms is None:
            return mask
        above = np.flatnonzero(mask)
        best = nms(torch.tensor(boxes[above]), torch.tensor(scores[above]), self.rule.nms)
        mask[:] = False
        mask[above[best.numpy()]] = True
        return mask


def phrase_thresholds(index: Index, min_score: float, floor: float) -> NDArray[np.float32]:
    """The score that each box of a source must exceed, (all boxes,).

    The threshold of a phrase is `min_score` times the mean of its best scores, relative to the
    highest such mean of all phrases. Reads every caption twice.
    """
    sums: dict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for row in range(len(index)):
        best = _best_scores(index, row)
        counts.update(best.keys())
        for text, score in best.items():
            sums[text] += score
    means = {text: sums[text] / count for text, count in counts.items() if count >= MIN_CAPTIONS}
    top = max(means.values(), default=1.0)
    of_text = {text: max(floor, min_score * mean / top) for text, mean in means.items()}
    thresholds = np.full(len(index.scores.values), min_score, dtype=np.float32)
    for row in range(len(index)):
        first = int(index.scores.offsets[row])
        texts = _phrase_texts(index, row)
        for box, phrase in enumerate(index.targets[row].tolist(), start=first):
            thresholds[box] = of_text.get(texts[phrase], min_score)
    return thresholds


def _phrase_texts(index: Index, row: int) -> list[str]:
    """The phrases of a record's caption in lower case."""
    prompt = Prompt(index.captions[row], index.phrases(row))
    # Lower case only now: it changes the length of some texts, and spans count characters.
    return [prompt.phrase_text(phrase).lower() for phrase in range(len(prompt.phrases))]


def _best_scores(index: Index, row: int) -> dict[str, float]:
    """The best score of every phrase of a record that has a box."""
    best: dict[str, float] = {}
    texts = _phrase_texts(index, row)
    for phrase, score in zip(index.targets[row].tolist(), index.scores[row].tolist(), strict=True):
        best[texts[phrase]] = max(score, best.get(texts[phrase], 0.0))
    return best
