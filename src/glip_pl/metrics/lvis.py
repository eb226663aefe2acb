"""LVIS: average precision among categories known to be there or not, by how rare they are.

Two protocols, whose figures must never be compared: *fixed AP* counts the best 10,000 detections of
each category in the whole set (Dave et al. 2021; GLIP and its successors report it), standard AP
the best 300 of each image.
"""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.average_precision import curves, mean, per_category_figures, summary
from glip_pl.metrics.base import DetectionMetric, Part
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.matching import SIZES, match, missed_boxes
from glip_pl.types import Detections

log = logging.getLogger(__name__)

PER_CATEGORY = 10_000
PER_IMAGE = 300

TOO_MANY = 8_000_000
"""Detections of one process, 192 MB, from which on those that cannot count are dropped."""


def lvis_figures(
    truth: Truth,
    found: DetectionsTable,
    per_category: int | None = None,
    per_image: int | None = None,
) -> dict[str, float]:
    """AP, AP50, AP75, APs, APm, APl, APr, APc, APf, AR, ARs, ARm, ARl in 0..1; nan if empty.

    Of each category in the whole set, and of each image over all categories, the best so many
    detections count.
    """
    if per_image is not None:
        found = found[found.top_per(found.images, per_image)]
    if per_category is not None:
        found = found[found.top_per(found.labels, per_category)]
    result = curves(match(truth, found))
    figures = summary(result)
    for letter in "rcf" if truth.frequencies is not None else "":
        rows = [row for row, one in enumerate(truth.frequencies or ()) if one == letter]
        figures[f"AP{letter}"] = mean(result.precision[0][:, rows])
    for size, letter in enumerate(SIZES):
        figures[f"AR{letter}"] = mean(result.recalls[0][size])
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

    def _forget(self) -> None:
        super()._forget()
        self.held, self.room = 0, TOO_MANY

    def update(self, found: Sequence[Detections], image_ids: Sequence[int]) -> None:
        """Add images; what neither protocol can count is dropped now and then."""
        super().update(found, image_ids)
        self.held += sum(len(one) for one in found)
        if self.held > self.room:
            self.parts = [_counted(Part.joined(self.parts))]
            self.held = len(self.parts[0].scores)
            self.room = max(TOO_MANY, 2 * self.held)

    def figures(self, truth: Truth, found: DetectionsTable) -> dict[str, float]:
        """Those of fixed AP, and of standard AP."""
        counts = np.bincount(found.labels, minlength=len(truth.names))
        few = int((counts < PER_CATEGORY).sum())
        if few:
            message = "%d of %d categories have fewer than %d detections: fixed AP is a lower bound"
            log.info(message, few, len(counts), PER_CATEGORY)
        standard = lvis_figures(truth, found, per_image=PER_IMAGE)
        return lvis_figures(truth, found, per_category=PER_CATEGORY) | {
            f"{name}_standard": value for name, value in standard.items() if "/" not in name
        }

    def missed_per_image(self, truth: Truth, found: DetectionsTable) -> NDArray[np.int64]:
        """Boxes that are not found."""
        return missed_boxes(truth, found)


def _counted(part: Part) -> Part:
    """What is among the best of its image or of its category so far."""
    found = DetectionsTable(
        part.owners().numpy(),
        part.labels.numpy().astype(np.int64),
        part.scores.numpy().astype(np.float64),
        np.zeros((len(part.scores), 0)),
    )
    kept = found.top_per(found.images, PER_IMAGE) | found.top_per(found.labels, PER_CATEGORY)
    return part.only(torch.from_numpy(kept))
