"""Which of several phrases with one head noun wins a box: "red circle" or "blue circle"?"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.foils import RIGHT_BOX, overlaps
from glip_pl.prompts.rivals import rival_groups
from glip_pl.types import SHOWN_SCORE


def rival_figures(truth: Truth, detections: DetectionsTable) -> dict[str, float]:
    """Shares of the objects whose category has rivals: see `prompts.rivals`.

    rivals_boxed is the share of objects that a detection of their category or of a rival of it
    overlaps by RIGHT_BOX or more. Of these, rivals_won is the share whose own category scores
    highest, and rivals_doubled the share that detections of SHOWN_SCORE or more of several rivals
    overlap. NaN without such objects.
    """
    best = best_scores(truth, detections)
    groups = np.asarray(rival_groups(truth.names), dtype=np.int64)
    has_rivals = np.bincount(groups)[groups] > 1 if len(groups) else np.zeros(0, dtype=np.bool_)
    objects = has_rivals[truth.labels] & ~truth.crowds
    same = groups[truth.labels][:, None] == groups
    scores = np.where(same, best, 0.0)[objects]
    own = best[np.arange(len(best)), truth.labels][objects]
    boxed = scores.max(1, initial=0.0) > 0
    # An equal rival is no win: nothing would tell which of the two is meant.
    others = scores.copy()
    others[np.arange(len(others)), truth.labels[objects]] = 0.0
    won = own > others.max(1, initial=0.0)
    doubled = (scores >= SHOWN_SCORE).sum(1) > 1
    return {
        "rivals_boxed": _mean(boxed),
        "rivals_won": _mean(won[boxed]),
        "rivals_doubled": _mean(doubled[boxed]),
    }


def best_scores(truth: Truth, detections: DetectionsTable) -> NDArray[np.float64]:
    """(N, C) the best score of each category's detections that overlap each object; 0 if none."""
    best = np.zeros((len(truth.labels), len(truth.names)))
    for box, detection, iou in overlaps(truth, detections):
        near = iou >= RIGHT_BOX
        labels = detections.labels[detection[near]]
        np.maximum.at(best, (box[near], labels), detections.scores[detection[near]])
    return best


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else np.nan


class RivalAccuracy(COCOAveragePrecision):
    """COCO's AP, and which of the phrases that share a head noun wins a box."""

    columns: ClassVar[tuple[str, ...]] = (
        *("AP", "AP50"),
        *("rivals_boxed", "rivals_won", "rivals_doubled"),
    )

    @property
    def protocol(self) -> str:
        """How the figures are computed."""
        return (
            f"{super().protocol}; rivals_*: of objects that a phrase with the right head noun "
            "boxes (IoU 0.5), how many their own phrase wins, and how many several are shown for"
        )

    def figures(self, truth: Truth, detections: DetectionsTable) -> dict[str, float]:
        """COCO's figures and those of rivals."""
        return super().figures(truth, detections) | rival_figures(truth, detections)
