"""The twelve figures of COCO's box evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.average_precision import (
    ap_figures,
    mean_of_numbers,
    per_category_figures,
    precision_and_recall,
)
from glip_pl.metrics.base import DetectionMetric, FlatDetections
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.foils import foil_figures
from glip_pl.metrics.matching import SIZES, match, missed_boxes
from glip_pl.metrics.second_count import SecondCount, second_count

LIMITS = (1, 10, 100)
"""Largest numbers of detections per image and category in AR1, AR10, AR100; AP takes the last."""


def coco_figures(truth: Truth, detections: DetectionsTable) -> dict[str, float]:
    """AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl and AP/<category>, in 0..1.

    NaN where there are no ground-truth boxes. Lists of absent and incomplete categories, which
    only LVIS's files have, are not used.
    """
    truth = replace(truth, absent=None, incomplete=None)
    result = precision_and_recall(match(truth, detections, LIMITS[-1]), LIMITS)
    figures = ap_figures(result)
    for limit, recall in zip(LIMITS, result.recalls, strict=True):
        figures[f"AR{limit}"] = mean_of_numbers(recall[0])
    for size, letter in enumerate(SIZES):
        if letter:
            figures[f"AR{letter}"] = mean_of_numbers(result.recalls[-1][size])
    return figures | per_category_figures(result, truth.names)


class COCOAveragePrecision(DetectionMetric[Truth]):
    """AP over IoU 0.5 to 0.95; 100 detections per image and category count; crowds are ignored."""

    headline = "AP"
    columns: ClassVar[tuple[str, ...]] = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")

    def __init__(self, truth: Callable[[], Truth], foils: Sequence[str] = ()) -> None:
        """`foils` are names of absent objects; detections of them are expected, too."""
        super().__init__(truth)
        self.foils = tuple(foils)
        self.asked: DetectionsTable | None = None  # all detections, if there are foils

    @property
    def protocol(self) -> str:
        """How the figures are computed."""
        return "COCO AP: IoU 0.50:0.95, 100 boxes an image and category"

    def figures(self, truth: Truth, detections: DetectionsTable) -> dict[str, float]:
        """COCO's twelve figures and AP/<category>."""
        return coco_figures(truth, detections)

    def further_figures(self, truth: Truth, figures: Mapping[str, float]) -> dict[str, float]:
        """The figures of `metrics.foils` if there are foils."""
        if self.asked is None:
            return {}
        return foil_figures(truth, self.asked, self.foils, figures["AP"])

    def _matching_truth(self, flat: FlatDetections) -> tuple[Truth, DetectionsTable]:
        """Without the detections that answer foils, which are kept apart."""
        truth, found = super()._matching_truth(flat)
        if not self.foils:
            return truth, found
        self.asked = found
        return truth, found[found.labels < len(truth.names)]

    def counted_again(
        self, figures: Mapping[str, float], truth: Truth, detections: DetectionsTable
    ) -> SecondCount:
        """Whether pycocotools finds the same figures."""
        return second_count(figures, truth, detections)

    def missed_per_image(self, truth: Truth, detections: DetectionsTable) -> NDArray[np.int64]:
        """(I,) number of ground-truth boxes that no detection of SHOWN_SCORE or more matches."""
        return missed_boxes(truth, detections)
