"""COCO's twelve numbers."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.average_precision import curves, mean, per_category_figures, summary
from glip_pl.metrics.base import DetectionMetric
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.matching import SIZES, match, missed_boxes

LIMITS = (1, 10, 100)
"""Detections of an image and category that count, at most; AP takes the last."""


def coco_figures(truth: Truth, found: DetectionsTable) -> dict[str, float]:
    """AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl in 0..1, and AP/<name>.

    nan where there was nothing to find. What LVIS adds to its files does not count.
    """
    truth = replace(truth, absent=None, incomplete=None)
    result = curves(match(truth, found, LIMITS[-1]), LIMITS)
    figures = summary(result)
    for limit, recall in zip(LIMITS, result.recalls, strict=True):
        figures[f"AR{limit}"] = mean(recall[0])
    for size, letter in enumerate(SIZES):
        if letter:
            figures[f"AR{letter}"] = mean(result.recalls[-1][size])
    return figures | per_category_figures(result, truth.names)


class COCOAveragePrecision(DetectionMetric[Truth]):
    """AP over IoU 0.5 to 0.95, 100 detections of an image and category, crowds ignored."""

    headline = "AP"
    columns = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")

    @property
    def protocol(self) -> str:
        """How the figures are computed."""
        return "COCO AP: IoU 0.50:0.95, 100 boxes an image and category"

    def figures(self, truth: Truth, found: DetectionsTable) -> dict[str, float]:
        """The twelve numbers and AP/<name>."""
        return coco_figures(truth, found)

    def missed_per_image(self, truth: Truth, found: DetectionsTable) -> NDArray[np.int64]:
        """Boxes that are not found."""
        return missed_boxes(truth, found)
