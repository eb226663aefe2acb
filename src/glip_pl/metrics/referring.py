"""RefCOCO, RefCOCO+, RefCOCOg: accuracy of the best boxes for referring expressions."""

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import PhraseTruth
from glip_pl.metrics.base import DetectionMetric
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.phrases import first_correct_ranks, giou, iou, missed_phrases, recalls

LIMITS = {"P@1": 1, "P@5": 5, "P@10": 10}
"""Numbers of best detections of a sentence that count, by the name of the figure."""


def referring_figures(truth: PhraseTruth, detections: DetectionsTable) -> dict[str, float]:
    """P@1, P@5, P@10 at IoU 0.5; `*_giou` at a generalised IoU of 0.5, as MDETR computes them.

    Figures of expressions of one kind are under P@1/<kind> etc.
    """
    figures: dict[str, float] = {}
    for suffix, overlap in (("", iou), ("_giou", giou)):
        ranks = first_correct_ranks(truth, detections, overlap)
        figures |= recalls(truth, ranks, LIMITS, suffix)
    return figures


class ReferringAccuracy(DetectionMetric[PhraseTruth]):
    """Share of sentences whose best box, or one of the best 5 or 10, is correct."""

    headline = "P@1"
    columns = ("P@1", "P@5", "P@10", "P@1_giou")

    @property
    def protocol(self) -> str:
        """How the figures are computed."""
        return "accuracy of the best box at IoU 0.5 (*_giou: generalised IoU 0.5)"

    def measured_boxes(self, corners: NDArray[np.float64]) -> NDArray[np.float64]:
        """Corners whose width is x2 - x1."""
        plain: NDArray[np.float64] = corners + np.asarray([0.0, 0.0, 1.0, 1.0])
        return plain

    def figures(self, truth: PhraseTruth, detections: DetectionsTable) -> dict[str, float]:
        """Accuracy of the best 1, 5 and 10 boxes."""
        return referring_figures(truth, detections)

    def missed_per_image(
        self, truth: PhraseTruth, detections: DetectionsTable
    ) -> NDArray[np.int64]:
        """(I,) number of phrases of each caption whose best box is wrong or missing."""
        return missed_phrases(truth, first_correct_ranks(truth, detections, iou))
