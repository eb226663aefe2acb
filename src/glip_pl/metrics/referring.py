"""RefCOCO, RefCOCO+, RefCOCOg: is the best box the one that the sentence means?"""

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import PhraseTruth
from glip_pl.metrics.base import DetectionMetric
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.phrases import first_right, giou, iou, missed_phrases, share

LIMITS = {"P@1": 1, "P@5": 5, "P@10": 10}


def referring_figures(truth: PhraseTruth, found: DetectionsTable) -> dict[str, float]:
    """P@1, P@5, P@10 at IoU 0.5; `*_giou` at a generalised IoU of 0.5, as MDETR's program."""
    figures: dict[str, float] = {}
    for suffix, overlap in (("", iou), ("_giou", giou)):
        places = first_right(truth, found, overlap)
        figures |= {f"{name}{suffix}": share(places, limit) for name, limit in LIMITS.items()}
    return figures


class ReferringAccuracy(DetectionMetric[PhraseTruth]):
    """Share of sentences whose best box (or one of the best 5, 10) is right."""

    headline = "P@1"
    columns = ("P@1", "P@5", "P@10", "P@1_giou")

    @property
    def protocol(self) -> str:
        """How the figures are computed."""
        return "accuracy of the best box at IoU 0.5 (*_giou: generalised IoU 0.5)"

    def flat(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Corners whose width is x2 - x1."""
        moved: NDArray[np.float64] = boxes + np.asarray([0.0, 0.0, 1.0, 1.0])
        return moved

    def figures(self, truth: PhraseTruth, found: DetectionsTable) -> dict[str, float]:
        """Accuracies."""
        return referring_figures(truth, found)

    def missed_per_image(self, truth: PhraseTruth, found: DetectionsTable) -> NDArray[np.int64]:
        """Phrases whose best box is wrong."""
        return missed_phrases(truth, first_right(truth, found, iou))
