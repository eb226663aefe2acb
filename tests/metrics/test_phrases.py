import numpy as np
import pytest

from glip_pl.data.truth import PhraseTruth
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.phrases import (
    NOT_FOUND,
    first_correct_ranks,
    giou,
    iou,
    missed_phrases,
    recall_at,
    with_merged_boxes,
)


@pytest.fixture
def truth() -> PhraseTruth:
    """Two captions with two and one phrases, which have two, one and no boxes."""
    return PhraseTruth(
        image_ids=np.array([4, 7]),
        phrases=np.array([0, 2, 3]),
        boxes=np.array([[0.0, 0, 10, 10], [20, 0, 30, 10], [0, 20, 10, 30]]),
        box_offsets=np.array([0, 2, 3, 3]),
    )


def test_the_rank_is_that_of_the_best_correct_detection(truth: PhraseTruth) -> None:
    detections = DetectionsTable(
        images=np.array([0, 0, 0, 0, 1]),
        labels=np.array([0, 0, 0, 1, 0]),
        scores=np.array([0.5, 0.75, 0.5, 0.5, 0.5]),
        # Correct by the second box; wrong; correct but of equal score and later; correct; no box.
        boxes=np.array(
            [[20.0, 0, 30, 8], [50, 0, 60, 10], [0, 0, 10, 10], [0, 20, 10, 30], [0, 0, 10, 10]]
        ),
    )
    ranks = first_correct_ranks(truth, detections, iou)
    assert ranks.tolist() == [1, 0, NOT_FOUND]
    assert recall_at(ranks, 1) == pytest.approx(1 / 3)
    assert recall_at(ranks, NOT_FOUND) == pytest.approx(2 / 3)
    assert missed_phrases(truth, ranks).tolist() == [1, 1]


def test_without_phrases_recall_is_nan() -> None:
    assert np.isnan(recall_at(np.zeros(0, dtype=np.int64), 1))


def test_merged_boxes_surround_all_boxes_of_a_phrase(truth: PhraseTruth) -> None:
    merged = with_merged_boxes(truth)
    assert merged.boxes.tolist() == [[0, 0, 30, 10], [0, 20, 10, 30]]
    assert merged.box_offsets.tolist() == [0, 1, 2, 2]


def test_generalised_iou_of_distant_boxes_is_negative() -> None:
    first, second = np.array([[0.0, 0, 10, 10]]), np.array([[20.0, 0, 30, 10]])
    assert giou(first, second) == pytest.approx(-1 / 3)
    assert iou(first, second) == 0
    assert iou(first, np.array([[0.0, 0, 20, 10]])) == pytest.approx(0.5)
