"""Confusion matrix, counted by hand."""

import numpy as np

from glip_pl.data.truth import Truth
from glip_pl.metrics.confusion import confusion
from glip_pl.metrics.detections_table import DetectionsTable


def squares(*lefts: float) -> np.ndarray:
    """Boxes of ten by ten pixels, by their left sides."""
    return np.array([[left, 0.0, 10.0, 10.0] for left in lefts])


def test_every_box_and_every_shown_detection_counts_once() -> None:
    truth = Truth(
        image_ids=np.array([5, 6]),
        # The third box is a crowd of cats, and the last one is a dog inside it.
        boxes=squares(0, 20, 40, 0, 41),
        areas=np.full(5, 100.0),
        crowds=np.array([False, False, True, False, False]),
        images=np.array([0, 0, 0, 1, 0]),
        labels=np.array([0, 1, 0, 0, 1]),
        names=["cat", "dog"],
        category_ids=np.array([1, 2]),
    )
    detections = DetectionsTable(
        images=np.array([0, 0, 0, 0, 0, 1, 0]),
        labels=np.array([0, 1, 0, 1, 1, 1, 0]),
        # The second one is better than the first one at the same box. The sixth one, in the second
        # image, has too low a score to be shown.
        scores=np.array([0.8, 0.9, 0.7, 0.6, 0.5, 0.2, 0.4]),
        boxes=squares(1, 0, 20, 41, 80, 0, 40),
    )
    assert confusion(truth, detections).tolist() == [
        [0, 1, 1],  # one cat was mistaken for a dog, and one was not detected
        [1, 1, 0],  # one dog was mistaken for a cat, and the one in the crowd was detected
        [1, 1, 0],  # a second detection of the first cat, and a dog where there is no box
    ]
