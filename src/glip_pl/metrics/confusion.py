"""What is taken for what."""

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.matching import box_iou
from glip_pl.types import SHOWN_SCORE

MIN_IOU = 0.5


def confusion(truth: Truth, found: DetectionsTable) -> NDArray[np.int64]:
    """(C + 1, C + 1) counts: rows are what is there, columns what a certain detection said.

    The last row holds detections of nothing, the last column boxes that nothing found. The most
    certain detection takes the box that it covers best, of any category. Crowds do not count, nor
    what is found in one of its category.
    """
    none = len(truth.names)
    matrix = np.zeros((none + 1, none + 1), dtype=np.int64)
    found = found[found.scores >= SHOWN_SCORE]
    found = found[np.argsort(-found.scores, kind="stable")]
    for image in np.unique(np.concatenate([truth.images, found.images])):
        boxes = np.flatnonzero(truth.images == image)
        mine = np.flatnonzero(found.images == image)
        free = np.ones(len(boxes), dtype=np.bool_)
        for detection in mine:
            corners = np.broadcast_to(found.boxes[detection], (len(boxes), 4))
            ious = box_iou(corners, truth.boxes[boxes], truth.crowds[boxes])
            label = found.labels[detection]
            open_ones = np.where(free & ~truth.crowds[boxes], ious, 0.0)
            in_crowd = truth.crowds[boxes] & (truth.labels[boxes] == label) & (ious >= MIN_IOU)
            if open_ones.max(initial=0.0) >= MIN_IOU:
                best = int(open_ones.argmax())
                matrix[truth.labels[boxes[best]], label] += 1
                free[best] = False
            elif not in_crowd.any():
                matrix[none, label] += 1
        for box in boxes[free & ~truth.crowds[boxes]]:
            matrix[truth.labels[box], none] += 1
    return matrix
