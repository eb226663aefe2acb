"""Flickr30k Entities: recall of phrases."""

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import PhraseTruth
from glip_pl.metrics.base import DetectionMetric
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.phrases import NEVER, first_right, iou, merged, missed_phrases, share

LIMITS = {"R@1": 1, "R@5": 5, "R@10": 10, "R@all": NEVER}


def flickr_figures(truth: PhraseTruth, found: DetectionsTable) -> dict[str, float]:
    """R@1, R@5, R@10, R@all, and of kinds of phrases R@1/<kind>; `*_merged` by merged boxes."""
    figures: dict[str, float] = {}
    for suffix, one in (("", truth), ("_merged", merged(truth))):
        places = first_right(one, found, iou)
        figures |= {f"{name}{suffix}": share(places, limit) for name, limit in LIMITS.items()}
        for kind in sorted({kind for kinds in truth.kinds or () for kind in kinds}):
            mine = np.asarray([kind in kinds for kinds in truth.kinds or ()])
            for name, limit in LIMITS.items():
                figures[f"{name}{suffix}/{kind}"] = share(places[mine], limit)
    return figures


class Flickr30kRecall(DetectionMetric[PhraseTruth]):
    """Share of phrases with a right box among the best 1, 5, 10 or all of its detections.

    A box is right at IoU 0.5 with any box of the phrase (what GLIP reports), or, under the names
    that end in _merged, with the smallest box around them all.
    """

    headline = "R@1"
    columns = ("R@1", "R@5", "R@10", "R@1_merged", "R@5_merged", "R@10_merged")

    @property
    def protocol(self) -> str:
        """How the figures are computed."""
        return "Flickr30k recall at IoU 0.5, any box; *_merged: the box around all of a phrase"

    def flat(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Corners as they are: officially measured against the corners of the XML files."""
        return boxes

    def figures(self, truth: PhraseTruth, found: DetectionsTable) -> dict[str, float]:
        """Recalls."""
        return flickr_figures(truth, found)

    def missed_per_image(self, truth: PhraseTruth, found: DetectionsTable) -> NDArray[np.int64]:
        """Phrases whose best box is wrong."""
        return missed_phrases(truth, first_right(truth, found, iou))
