import numpy as np

from glip_pl.data.arrays import Ragged, offsets_of
from glip_pl.data.filtering import BoxFilter

BOXES = np.asarray([[0, 0, 9, 9], [0, 0, 9, 8], [20, 20, 29, 29]], dtype=np.float32)
SCORES = np.asarray([0.6, 0.9, 0.3], dtype=np.float32)


def test_boxes_above_the_score_are_kept() -> None:
    assert BoxFilter(0.5).boxes(BOXES, SCORES).tolist() == [True, True, False]


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    assert BoxFilter(0.2, nms=0.7).boxes(BOXES, SCORES).tolist() == [False, True, True]
    assert BoxFilter(0.95, nms=0.7).boxes(BOXES, SCORES).tolist() == [False] * 3


def test_pictures_without_enough_sure_boxes_are_left_out() -> None:
    scores = Ragged(
        np.asarray([0.6, 0.9, 0.3, 0.8], dtype=np.float32),
        offsets_of(np.asarray([2, 1, 0, 1], dtype=np.int64)),
    )
    assert BoxFilter(0.5).rows(scores).tolist() == [True, False, False, True]
    assert BoxFilter(0.5, min_boxes=2).rows(scores).tolist() == [True, False, False, False]
