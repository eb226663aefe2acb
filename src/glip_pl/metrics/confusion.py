"""Confusion matrix: which categories are mistaken for which others."""

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.matching import box_iou
from glip_pl.types import SHOWN_SCORE

MIN_IOU = 0.5
"""IoU with a ground-truth box from which a detection counts as a detection of it."""


def confusion(truth: Truth, detections: DetectionsTable) -> NDArray[np.int64]:
    """Confusion matrix (C + 1, C + 1): rows are ground-truth categories, columns detected ones.

    The last row counts detections without a ground-truth box, the last column boxes without a
    detection. Detections below SHOWN_SCORE do not count. In descending order of score, each
    detection takes the free box with the largest IoU, of any category. Crowds are not counted, and
    neither are detections inside a crowd of their category.
    """
    nothing = len(truth.names)
    matrix = np.zeros((nothing + 1, nothing + 1), dtype=np.int64)
    detections = detections[detections.scores >= SHOWN_SCORE]
    detections = detections[np.argsort(-detections.scores, kind="stable")]
    for image in np.unique(np.concatenate([truth.images, detections.images])):
        _add_image(
            matrix,
            truth,
            np.flatnonzero(truth.images == image),
            detections[detections.images == image],
        )
    return matrix


def _add_image(
    matrix: NDArray[np.int64],
    truth: Truth,
    boxes: NDArray[np.int64],
    detections: DetectionsTable,
) -> None:
    """Count the ground-truth boxes (rows of `truth`) and the sorted detections of an image."""
    nothing = len(truth.names)
    crowds = truth.crowds[boxes]
    free = np.ones(len(boxes), dtype=np.bool_)
    for row, label in enumerate(detections.labels):
        repeated = np.broadcast_to(detections.boxes[row], (len(boxes), 4))
        ious = box_iou(repeated, truth.boxes[boxes], crowds)
        free_ious = np.where(free & ~crowds, ious, 0.0)
        in_crowd = crowds & (truth.labels[boxes] == label) & (ious >= MIN_IOU)
        if free_ious.max(initial=0.0) >= MIN_IOU:
            best = int(free_ious.argmax())
            matrix[truth.labels[boxes[best]], label] += 1
            free[best] = False
        elif not in_crowd.any():
            matrix[nothing, label] += 1
    for box in boxes[free & ~crowds]:
        matrix[truth.labels[box], nothing] += 1
