"""What is taken for what, counted by hand."""

import numpy as np

from glip_pl.data.truth import Truth
from glip_pl.metrics.confusion import confusion
from glip_pl.metrics.detections_table import DetectionsTable


def boxes(*corners: float) -> np.ndarray:
    """Squares of ten pixels, by their left sides."""
    return np.array([[left, 0.0, 10.0, 10.0] for left in corners])


def test_every_box_and_every_certain_detection_counts_once() -> None:
    truth = Truth(
        image_ids=np.array([5, 6]),
        # a crowd of cats, and a dog inside it
        boxes=boxes(0, 20, 40, 0, 41),
        areas=np.full(5, 100.0),
        crowds=np.array([False, False, True, False, False]),
        images=np.array([0, 0, 0, 1, 0]),
        labels=np.array([0, 1, 0, 0, 1]),
        names=["cat", "dog"],
        category_ids=np.array([1, 2]),
    )
    found = DetectionsTable(
        images=np.array([0, 0, 0, 0, 0, 1, 0]),
        labels=np.array([0, 1, 0, 1, 1, 1, 0]),
        # the second is better than the first at the same box; the last is not certain
        scores=np.array([0.8, 0.9, 0.7, 0.6, 0.5, 0.2, 0.4]),
        boxes=boxes(1, 0, 20, 41, 80, 0, 40),
    )
    assert confusion(truth, found).tolist() == [
        [0, 1, 1],  # one cat was taken for a dog, one was not found
        [1, 1, 0],  # a dog was taken for a cat, the one among cats was found
        [
            1,
            1,
            0,
        ],  # a second box on the first cat, and one where nothing is; a cat of the crowd is right
    ]
