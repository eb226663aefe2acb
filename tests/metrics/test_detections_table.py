from typing import Any

import numpy as np
import pytest

from glip_pl.errors import UserError
from glip_pl.metrics.detections_table import DetectionsTable, among_best, ranks_in_groups

IMAGE_IDS, CATEGORY_IDS = np.array([4, 7, 9]), np.array([1, 20])


def entry(image_id: int, category_id: int, score: float) -> dict[str, Any]:
    """An entry of a results file."""
    return {
        "image_id": image_id,
        "category_id": category_id,
        "score": score,
        "bbox": [image_id, 0, 2, 3],
    }


def test_entries_of_a_results_file_become_rows() -> None:
    results = [entry(9, 1, 0.5), entry(4, 20, 0.75)]
    table = DetectionsTable.from_coco(results, IMAGE_IDS, CATEGORY_IDS)
    assert table.images.tolist() == [2, 0]
    assert table.labels.tolist() == [0, 1]
    assert table.scores.tolist() == [0.5, 0.75]
    assert table.boxes.tolist() == [[9, 0, 2, 3], [4, 0, 2, 3]]
    assert table[table.scores > 0.6].images.tolist() == [0]
    empty = DetectionsTable.from_coco([], IMAGE_IDS, CATEGORY_IDS)
    assert len(empty) == 0
    assert empty.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([entry(4, 1, 0.5), entry(8, 1, 0.5)], "the image 8, which is not in the annotations"),
        ([entry(10, 1, 0.5)], "the image 10, which"),
        ([entry(4, 2, 0.5)], "the category 2, which"),
    ],
)
def test_unknown_ids_are_named(results: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        DetectionsTable.from_coco(results, IMAGE_IDS, CATEGORY_IDS)


def test_the_best_of_each_group_are_those_with_the_highest_scores() -> None:
    scores = np.array([0.1, 0.9, 0.3, 0.3, 0.3])
    zeros = np.zeros(5, dtype=np.int64)
    table = DetectionsTable(zeros, zeros, scores, np.zeros((5, 4)))
    best = table.best_of_groups(np.array([7, 0, 7, 7, 7]), 2)
    assert best.tolist() == [False, True, True, True, False]  # of equal scores the earlier rows


def test_ranks_begin_anew_in_each_group() -> None:
    assert ranks_in_groups(np.array([5, 5, 5, 6, 9, 9])).tolist() == [0, 1, 2, 0, 0, 1]
    assert len(ranks_in_groups(np.zeros(0, dtype=np.int64))) == 0


def test_among_the_best_of_a_group_are_all_of_equal_scores() -> None:
    groups = np.asarray([0, 2, 0, 2, 2, 0, 2])
    scores = np.asarray([0.5, 0.25, 0.75, 0.5, 0.25, -1.0, 0.0], dtype=np.float32)
    expected = [True, True, True, True, True, False, False]
    assert among_best(groups, scores, 2).tolist() == expected
    assert among_best(groups, scores, 9).all()
    assert among_best(groups[:0], scores[:0], 2).tolist() == []
    random = np.random.default_rng(0)
    groups, scores = random.integers(0, 50, 2000), random.random(2000, dtype=np.float32)
    table = DetectionsTable(groups, groups, scores.astype(np.float64), np.zeros((2000, 4)))
    assert (among_best(groups, scores, 7) == table.best_of_groups(groups, 7)).all()
