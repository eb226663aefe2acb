"""LVIS: average precision by the frequency of categories, which are not annotated in every image.

There are two protocols, whose figures must never be compared. *Fixed AP* counts the best 10,000
detections of each category in the whole set (Dave et al. 2021); GLIP and its successors report it.
*Standard AP* counts the best 300 of each image.
"""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.average_precision import (
    ap_figures,
    mean_of_numbers,
    per_category_figures,
    precision_and_recall,
)
from glip_pl.metrics.base import DetectionMetric, FlatDetections
from glip_pl.metrics.detections_table import DetectionsTable, among_best
from glip_pl.metrics.matching import SIZES, match, missed_boxes
from glip_pl.types import Detections

log = logging.getLogger(__name__)

PER_CATEGORY = 10_000
"""Detections of each category in the whole set that fixed AP counts, at most."""

PER_IMAGE = 300
"""Detections of each image that standard AP counts, at most."""

TOO_MANY = 8_000_000
"""Detections that a process holds (192 MB) before it drops those that cannot count."""


def lvis_figures(
    truth: Truth,
    detections: DetectionsTable,
    per_category: int | None = None,
    per_image: int | None = None,
) -> dict[str, float]:
    """AP, AP50, AP75, APs, APm, APl, APr, APc, APf, AR, ARs, ARm, ARl and AP/<category>, in 0..1.

    Only the best `per_image` detections of each image count, and of these the best `per_category`
    of each category in the whole set; None: all. NaN where there are no ground-truth boxes.
    """
    if per_image is not None:
        detections = detections[detections.best_of_groups(detections.images, per_image)]
    if per_category is not None:
        detections = detections[detections.best_of_groups(detections.labels, per_category)]
    result = precision_and_recall(match(truth, detections))
    figures = ap_figures(result)
    for letter in "rcf" if truth.frequencies is not None else "":
        rows = [row for row, kind in enumerate(truth.frequencies or ()) if kind == letter]
        figures[f"AP{letter}"] = mean_of_numbers(result.average_precision[0][:, rows])
    for size, letter in enumerate(SIZES):
        figures[f"AR{letter}"] = mean_of_numbers(result.recalls[0][size])
    return figures | per_category_figures(result, truth.names)


class LVISAveragePrecision(DetectionMetric[Truth]):
    """Fixed AP, and standard AP of the same detections under names that end in _standard."""

    headline = "AP"
    columns = ("AP", "APr", "APc", "APf", "AP_standard", "APr_standard")

    @property
    def protocol(self) -> str:
        """How the figures are computed."""
        return (
            f"LVIS fixed AP: IoU 0.50:0.95, the best {PER_CATEGORY:,} boxes of a category in "
            f"the set, no limit per image; *_standard: the best {PER_IMAGE} of each image"
        )

    def _clear(self) -> None:
        super()._clear()
        self.held = 0  # detections in `batches`
        self.limit = TOO_MANY  # of `held`, before detections are dropped

    def update(self, detections: Sequence[Detections], image_ids: Sequence[int]) -> None:
        """Add images with the detections in each.

        When there are too many, detections that count in neither protocol are dropped.
        """
        super().update(detections, image_ids)
        self.held += sum(len(of_image) for of_image in detections)
        if self.held > self.limit:
            self.batches = [self.countable(FlatDetections.concatenated(self.batches))]
            self.held = len(self.batches[0].scores)
            self.limit = max(TOO_MANY, 2 * self.held)

    def countable(self, flat: FlatDetections) -> FlatDetections:
        """The detections that count in one of the protocols, if there are many."""
        return _countable(flat) if len(flat.scores) > TOO_MANY else flat

    def figures(self, truth: Truth, detections: DetectionsTable) -> dict[str, float]:
        """The figures of fixed AP, and those of standard AP with the suffix _standard."""
        counts = np.bincount(detections.labels, minlength=len(truth.names))
        few = int((counts < PER_CATEGORY).sum())
        if few:
            message = "%d of %d categories have fewer than %d detections: fixed AP is a lower bound"
            log.info(message, few, len(counts), PER_CATEGORY)
        standard = lvis_figures(truth, detections, per_image=PER_IMAGE)
        return lvis_figures(truth, detections, per_category=PER_CATEGORY) | {
            f"{name}_standard": value for name, value in standard.items() if "/" not in name
        }

    def missed_per_image(self, truth: Truth, detections: DetectionsTable) -> NDArray[np.int64]:
        """(I,) number of ground-truth boxes that no detection of SHOWN_SCORE or more matches."""
        return missed_boxes(truth, detections)


def _countable(flat: FlatDetections) -> FlatDetections:
    """The detections among the best of their image, or of their category in all images so far."""
    scores = flat.scores.numpy()
    in_standard = among_best(flat.image_rows().numpy(), scores, PER_IMAGE)
    in_fixed = among_best(flat.labels.numpy(), scores, PER_CATEGORY)
    return flat.select(torch.from_numpy(in_standard | in_fixed))
