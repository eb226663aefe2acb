"""How often a model answers names of absent objects, and what asking for them costs.

A *fire* is a detection of SHOWN_SCORE or more of a name that is absent from its image.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.average_precision import ap_figures, precision_and_recall
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.matching import box_iou, match
from glip_pl.prompts.foils import FoilQuestions
from glip_pl.types import SHOWN_SCORE

RIGHT_BOX = 0.5
"""IoU with a ground-truth box from which a detection is of that object, whatever its name."""

PER_CATEGORY = 100
"""Detections of a category in an image that AP counts, as in COCO's protocol."""


def foil_figures(
    truth: Truth, asked: DetectionsTable, foils: Sequence[str], ap: float
) -> dict[str, float]:
    """Answers to foils; labels of `asked` are numbered as in `FoilQuestions`.

    AP_beside_foils, and AP_drop from the `ap` without foils; recall, the share of objects that
    detections of SHOWN_SCORE or more find; foil_fires for each image, foil_boxes, the share of
    objects that a fire overlaps, and foil_fires/<foil>, where foils share prompts with the
    categories; the same with `_alone` where they do not; and absent_fires and absent_boxes of
    categories in images without them.
    """
    numbers = FoilQuestions(len(truth.names), len(foils))
    beside = coco_ap(truth, _answers(asked, numbers.names_beside))
    own = _answers(asked, range(len(truth.names)))
    figures = {
        "AP_beside_foils": beside,
        "AP_drop": ap - beside,
        "recall_shown": _recall(truth, own),
    }
    for suffix, labels in (("", numbers.foils_beside), ("_alone", numbers.foils_alone)):
        fires = shown(_answers(asked, labels))
        figures |= _fires(truth, fires, "foil", suffix)
        figures |= _by_name(truth, fires, foils, f"foil_fires{suffix}")
    return figures | _fires(truth, absent_fires(truth, own), "absent")


def coco_ap(truth: Truth, detections: DetectionsTable) -> float:
    """COCO's AP, in 0..1."""
    plain = replace(truth, absent=None, incomplete=None)
    result = precision_and_recall(match(plain, detections, PER_CATEGORY), [PER_CATEGORY])
    return ap_figures(result)["AP"]


def _answers(asked: DetectionsTable, labels: range) -> DetectionsTable:
    """The detections with these labels, counted from 0."""
    chosen = asked[(asked.labels >= labels.start) & (asked.labels < labels.stop)]
    return replace(chosen, labels=chosen.labels - labels.start)


def shown(detections: DetectionsTable) -> DetectionsTable:
    """The detections that people are shown."""
    return detections[detections.scores >= SHOWN_SCORE]


def absent_fires(truth: Truth, detections: DetectionsTable) -> DetectionsTable:
    """The shown detections of categories without a box in their image."""
    found = shown(detections)
    image_count = len(truth.image_ids)
    present = truth.labels * image_count + truth.images
    return found[~np.isin(found.labels * image_count + found.images, present)]


def _recall(truth: Truth, detections: DetectionsTable) -> float:
    """The share of objects that shown detections find at IoU 0.5."""
    missed = match(truth, shown(detections)).missed[~truth.crowds]
    return float(1 - missed.mean()) if len(missed) else np.nan


def _fires(truth: Truth, fires: DetectionsTable, kind: str, suffix: str = "") -> dict[str, float]:
    """Fires for each image, and the share of objects that one overlaps."""
    images = max(1, len(truth.image_ids))
    objects = ~truth.crowds
    overlapped = overlapped_boxes(truth, fires)[objects]
    return {
        f"{kind}_fires{suffix}": len(fires) / images,
        f"{kind}_boxes{suffix}": float(overlapped.mean()) if len(overlapped) else np.nan,
    }


def _by_name(
    truth: Truth, fires: DetectionsTable, foils: Sequence[str], key: str
) -> dict[str, float]:
    counts = np.bincount(fires.labels, minlength=len(foils)) / max(1, len(truth.image_ids))
    return {f"{key}/{foil}": float(count) for foil, count in zip(foils, counts, strict=True)}


def overlapped_boxes(truth: Truth, detections: DetectionsTable) -> NDArray[np.bool_]:
    """(N,) whether a detection of any name overlaps a ground-truth box by RIGHT_BOX or more."""
    overlapped = np.zeros(len(truth.labels), dtype=np.bool_)
    for box, _, iou in overlaps(truth, detections):
        overlapped[box[iou >= RIGHT_BOX]] = True
    return overlapped


def overlaps(
    truth: Truth, detections: DetectionsTable
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Box, detection and IoU of all pairs in each image in turn."""
    of_images = np.argsort(detections.images, kind="stable")
    starts = np.searchsorted(detections.images[of_images], np.arange(len(truth.image_ids) + 1))
    boxes_of_images = np.argsort(truth.images, kind="stable")
    firsts = np.searchsorted(truth.images[boxes_of_images], np.arange(len(truth.image_ids) + 1))
    for image in range(len(truth.image_ids)):
        boxes = boxes_of_images[firsts[image] : firsts[image + 1]]
        found = of_images[starts[image] : starts[image + 1]]
        box, detection = np.repeat(boxes, len(found)), np.tile(found, len(boxes))
        plain = np.zeros(len(box), dtype=np.bool_)
        yield box, detection, box_iou(detections.boxes[detection], truth.boxes[box], plain)
