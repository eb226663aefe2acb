"""What pseudo labels hold, and how right they are where people drew boxes too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from glip_pl.boxes import iou_plus_one
from glip_pl.types import Detections, Phrase, Prompt

EDGES = np.linspace(0.1, 1.0, 19)
"""Scores between which boxes are counted together."""

MIN_IOU = 0.5
"""From which on a box is the one that people drew, as in Flickr30k's recall."""


@dataclass
class LabelQuality:
    """Counts that add up over shards: boxes by score, and gold boxes found.

    A phrase is judged if it shares characters with a phrase that people drew boxes for.
    """

    boxes: NDArray[np.int64] = field(default_factory=lambda: _none())  # (bins,)
    judged: NDArray[np.int64] = field(default_factory=lambda: _none())  # (bins,)
    right: NDArray[np.int64] = field(default_factory=lambda: _none())  # (bins,) a gold box each
    gold: int = 0

    def add(self, found: Detections) -> None:
        """Count the boxes of a picture."""
        self.boxes += _histogram(found.scores.numpy())

    def judge(
        self, prompt: Prompt, found: Detections, gold: Tensor, targets: Sequence[int],
        phrases: Sequence[Phrase],
    ) -> None:  # fmt: skip
        """Compare with gold boxes (N, 4), inclusive corners, each of the phrase of its target."""
        self.gold += len(gold)
        meant = [_same(phrase, phrases) for phrase in prompt.phrases]
        asked = np.array([meant[phrase] for phrase in found.phrase_ids.tolist()], dtype=np.int64)
        scores = found.scores.numpy()
        self.judged += _histogram(scores[asked >= 0])
        overlaps = iou_plus_one(found.boxes, gold).numpy()
        overlaps[asked[:, None] != np.asarray(targets, dtype=np.int64)[None]] = 0
        right = []
        for row in np.argsort(-scores, kind="stable").tolist():
            best = int(overlaps[row].argmax()) if len(gold) else -1
            if best >= 0 and overlaps[row, best] >= MIN_IOU:
                right.append(scores[row])
                overlaps[:, best] = 0  # a gold box is found once
        self.right += _histogram(np.asarray(right, dtype=np.float32))

    def counts(self) -> dict[str, Any]:
        """What `plus` adds."""
        lists = {name: getattr(self, name).tolist() for name in ("boxes", "judged", "right")}
        return {**lists, "gold": self.gold}

    def plus(self, counts: Mapping[str, Any]) -> None:
        """Add the counts of another shard."""
        for name in ("boxes", "judged", "right"):
            setattr(self, name, getattr(self, name) + np.asarray(counts[name], dtype=np.int64))
        self.gold += int(counts["gold"])

    def table(self) -> list[dict[str, Any]]:
        """For each score: boxes above it, and their precision and recall where there is gold."""
        above = [np.cumsum(one[::-1])[::-1] for one in (self.boxes, self.judged, self.right)]
        return [
            {
                "score": round(float(edge), 2),
                "boxes": int(boxes),
                "precision": float(right / judged) if judged else None,
                "recall": float(right / self.gold) if self.gold else None,
            }
            for edge, boxes, judged, right in zip(EDGES, *above, strict=False)
        ]


def _none() -> NDArray[np.int64]:
    return np.zeros(len(EDGES) - 1, dtype=np.int64)


def _histogram(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.histogram(scores.astype(np.float64), EDGES)[0]


def _same(phrase: Phrase, others: Sequence[Phrase]) -> int:
    """Which of the others shares most characters, -1 if none does."""
    shared = [
        sum(
            max(0, min(end, stop) - max(start, first))
            for start, end in phrase
            for first, stop in other
        )
        for other in others
    ]
    return int(np.argmax(shared)) if any(shared) else -1
