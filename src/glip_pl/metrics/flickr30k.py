"""Flickr30k Entities: recall of the boxes of phrases."""

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import PhraseTruth
from glip_pl.metrics.base import DetectionMetric
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.phrases import (
    NOT_FOUND,
    first_correct_ranks,
    iou,
    missed_phrases,
    recalls,
    with_merged_boxes,
)

LIMITS = {"R@1": 1, "R@5": 5, "R@10": 10, "R@all": NOT_FOUND}
"""Numbers of best detections of a phrase that count, by the name of the figure."""


def flickr_figures(truth: PhraseTruth, detections: DetectionsTable) -> dict[str, float]:
    """R@1, R@5, R@10, R@all, and the same of each kind of phrase under R@1/<kind> etc.

    Figures with `_merged` are against the box around all boxes of a phrase.
    """
    figures: dict[str, float] = {}
    for suffix, targets in (("", truth), ("_merged", with_merged_boxes(truth))):
        ranks = first_correct_ranks(targets, detections, iou)
        figures |= recalls(truth, ranks, LIMITS, suffix)
    return figures


class Flickr30kRecall(DetectionMetric[PhraseTruth]):
    """Share of phrases with a correct box among the best 1, 5, 10 or all of their detections.

    A detection is correct if its IoU with any box of the phrase is at least 0.5, which is what
    GLIP reports; for figures that end in _merged, its IoU with the smallest box around all of them.
    """

    headline = "R@1"
    columns = ("R@1", "R@5", "R@10", "R@1_merged", "R@5_merged", "R@10_merged")

    @property
    def protocol(self) -> str:
        """How the figures are computed."""
        return "Flickr30k recall at IoU 0.5, any box; *_merged: the box around a phrase's boxes"

    def measured_boxes(self, corners: NDArray[np.float64]) -> NDArray[np.float64]:
        """The corners unchanged: the official GLIP code compares them with those of the XML."""
        return corners

    def figures(self, truth: PhraseTruth, detections: DetectionsTable) -> dict[str, float]:
        """Recall of all phrases and of each kind of phrase."""
        return flickr_figures(truth, detections)

    def missed_per_image(
        self, truth: PhraseTruth, detections: DetectionsTable
    ) -> NDArray[np.int64]:
        """(I,) number of phrases of each caption whose best box is wrong or missing."""
        return missed_phrases(truth, first_correct_ranks(truth, detections, iou))
