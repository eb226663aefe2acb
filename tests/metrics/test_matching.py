from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.truth import Truth
from glip_pl.metrics.coco import coco_figures
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.matching import IOUS, box_iou, match, missed_boxes
from tests.metrics import reference
from tests.metrics.cases import truth_and_detections


def squares(*lefts: float) -> np.ndarray:
    """Boxes of ten by ten pixels, by their left sides."""
    return np.array([[left, 0.0, 10.0, 10.0] for left in lefts])


@pytest.fixture
def truth() -> Truth:
    """A box, a crowd and another box in one image, and an image without boxes."""
    return Truth(
        image_ids=np.array([3, 4]),
        boxes=squares(0, 40, 80),
        areas=np.full(3, 100.0),
        crowds=np.array([False, True, False]),
        images=np.zeros(3, dtype=np.int64),
        labels=np.zeros(3, dtype=np.int64),
        names=["cat"],
        category_ids=np.array([1]),
    )


def test_a_box_is_taken_once_and_a_crowd_any_number_of_times(truth: Truth) -> None:
    detections = DetectionsTable(
        images=np.zeros(5, dtype=np.int64),
        labels=np.zeros(5, dtype=np.int64),
        scores=np.array([0.5, 0.9, 0.4, 0.3, 0.2]),
        boxes=squares(0, 1, 40, 41, 20),
    )
    matched = match(truth, detections)
    assert matched.detections.scores.tolist() == [0.9, 0.5, 0.4, 0.3, 0.2]
    assert matched.ranks.tolist() == [0, 1, 2, 3, 4]
    # At IoU 0.5 and for boxes of any size: the best one has the box, two lie in the crowd.
    assert matched.is_matched[0, 0].tolist() == [True, False, True, True, False]
    assert matched.is_ignored[0, 0].tolist() == [False, False, True, True, False]
    # The best one has an IoU of 9 / 11 with the box: at 0.85 the second one gets it.
    strict = int(np.flatnonzero(np.isclose(IOUS, 0.85))[0])
    assert matched.is_matched[0, strict, :2].tolist() == [False, True]
    assert matched.box_counts[:, 0].tolist() == [2, 2, 0, 0]
    assert matched.missed.tolist() == [False, False, True]
    assert missed_boxes(truth, detections).tolist() == [1, 0]
    # For large boxes, neither small boxes nor small detections count.
    assert matched.is_ignored[3].all()


def test_only_the_best_of_a_category_and_image_take_part(truth: Truth) -> None:
    detections = DetectionsTable(
        images=np.array([0, 0, 1]),
        labels=np.zeros(3, dtype=np.int64),
        scores=np.array([0.1, 0.2, 0.1]),
        boxes=squares(0, 20, 0),
    )
    matched = match(truth, detections, per_category=1)
    assert matched.detections.images.tolist() == [0, 1]
    assert matched.detections.scores.tolist() == [0.2, 0.1]
    assert matched.missed.tolist() == [True, False, True]


def test_iou_with_a_crowd_is_the_share_inside_it() -> None:
    crowds = np.array([False, True, False])
    ious = box_iou(squares(5, 5, 50), squares(0, 0, 0), crowds)
    np.testing.assert_allclose(ious, [1 / 3, 1 / 2, 0])


def test_blocks_of_pairs_change_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, results = reference.random_set(3, federated=False, images=20)
    truth, detections = truth_and_detections(tmp_path, content, results)
    whole = coco_figures(truth, detections)
    monkeypatch.setattr("glip_pl.metrics.matching.PAIRS", 5)
    np.testing.assert_equal(coco_figures(truth, detections), whole)
