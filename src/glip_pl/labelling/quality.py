"""Score histogram of pseudo labels, and their precision and recall against human annotations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from glip_pl.boxes import iou_plus_one
from glip_pl.spans import Phrase
from glip_pl.types import Detections, Prompt

EDGES = np.linspace(0.1, 1.0, 19)
"""Edges of the histogram's bins: scores in steps of 0.05."""

MIN_IOU = 0.5
"""IoU from which a detected box matches a ground-truth box, as in Flickr30k's recall."""


@dataclass
class LabelQuality:
    """Counts that add up over shards: boxes by score, and ground-truth boxes that were detected.

    A detected box is judged if its phrase shares characters with an annotated phrase.
    """

    boxes: NDArray[np.int64] = field(default_factory=lambda: _empty_histogram())  # (bins,)
    judged: NDArray[np.int64] = field(default_factory=lambda: _empty_histogram())  # (bins,)
    correct: NDArray[np.int64] = field(default_factory=lambda: _empty_histogram())  # (bins,)
    ground_truth: int = 0  # number of ground-truth boxes

    def add(self, detections: Detections) -> None:
        """Count the boxes of an image."""
        self.boxes += _histogram(detections.scores.numpy())

    def judge(
        self,
        prompt: Prompt,
        detections: Detections,
        ground_truth: Tensor,
        targets: Sequence[int],
        phrases: Sequence[Phrase],
    ) -> None:
        """Compare the detections with ground-truth boxes (N, 4), corners with both end pixels.

        `targets` are the indices of the ground-truth boxes' phrases in `phrases`. Each
        ground-truth box is matched at most once, by the best detection that overlaps it.
        """
        self.ground_truth += len(ground_truth)
        annotated = [_most_similar(phrase, phrases) for phrase in prompt.phrases]
        phrase_ids = detections.phrase_ids.tolist()
        wanted = np.array([annotated[phrase] for phrase in phrase_ids], dtype=np.int64)
        scores = detections.scores.numpy()
        self.judged += _histogram(scores[wanted >= 0])
        overlaps = iou_plus_one(detections.boxes, ground_truth).numpy()
        overlaps[wanted[:, None] != np.asarray(targets, dtype=np.int64)[None]] = 0
        correct = []
        for row in np.argsort(-scores, kind="stable").tolist():
            best = int(overlaps[row].argmax()) if len(ground_truth) else -1
            if best >= 0 and overlaps[row, best] >= MIN_IOU:
                correct.append(scores[row])
                overlaps[:, best] = 0  # this ground-truth box is taken
        self.correct += _histogram(np.asarray(correct, dtype=np.float32))

    def counts(self) -> dict[str, Any]:
        """The counts as JSON, which `add_counts` reads."""
        return {
            "boxes": self.boxes.tolist(),
            "judged": self.judged.tolist(),
            "right": self.correct.tolist(),
            "gold": self.ground_truth,
        }

    def add_counts(self, counts: Mapping[str, Any]) -> None:
        """Add the `counts()` of another shard."""
        self.boxes = self.boxes + np.asarray(counts["boxes"], dtype=np.int64)
        self.judged = self.judged + np.asarray(counts["judged"], dtype=np.int64)
        self.correct = self.correct + np.asarray(counts["right"], dtype=np.int64)
        self.ground_truth += int(counts["gold"])

    def table(self) -> list[dict[str, Any]]:
        """A row for each score: the number of boxes above it, their precision and recall.

        Precision and recall are None where nothing was annotated.
        """
        histograms = (self.boxes, self.judged, self.correct)
        above = [np.cumsum(histogram[::-1])[::-1] for histogram in histograms]
        return [
            {
                "score": round(float(edge), 2),
                "boxes": int(boxes),
                "precision": float(correct / judged) if judged else None,
                "recall": float(correct / self.ground_truth) if self.ground_truth else None,
            }
            for edge, boxes, judged, correct in zip(EDGES, *above, strict=False)
        ]


def _empty_histogram() -> NDArray[np.int64]:
    return np.zeros(len(EDGES) - 1, dtype=np.int64)


def _histogram(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.histogram(scores.astype(np.float64), EDGES)[0]


def _most_similar(phrase: Phrase, others: Sequence[Phrase]) -> int:
    """Index of the phrase in `others` that shares most characters; -1 if none shares any."""
    shared = [
        sum(
            max(0, min(end, other_end) - max(start, other_start))
            for start, end in phrase
            for other_start, other_end in other
        )
        for other in others
    ]
    return int(np.argmax(shared)) if any(shared) else -1
