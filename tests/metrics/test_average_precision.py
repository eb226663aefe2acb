from pathlib import Path

import numpy as np
import pytest

from glip_pl.metrics.average_precision import (
    RECALLS,
    OperatingPoint,
    best_f1,
    mean_of_numbers,
    precision_at_recalls,
)
from glip_pl.metrics.matching import match
from tests.metrics import reference
from tests.metrics.cases import truth_and_detections


def test_precision_at_a_recall_is_the_best_from_there_on() -> None:
    recall = np.array([0.25, 0.25, 0.5])
    precision = np.array([1.0, 0.5, 2 / 3])
    curve = precision_at_recalls(recall, precision)
    np.testing.assert_array_equal(curve[RECALLS <= 0.25], 1.0)
    np.testing.assert_array_equal(curve[(RECALLS > 0.25) & (RECALLS <= 0.5)], 2 / 3)
    np.testing.assert_array_equal(curve[RECALLS > 0.5], 0.0)


def test_means_leave_nan_out() -> None:
    assert mean_of_numbers(np.array([[1.0, np.nan], [0.0, 0.5]])) == 0.5
    assert np.isnan(mean_of_numbers(np.array([np.nan])))


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_balances_precision_and_recall_better(seed: int, tmp_path: Path) -> None:
    content, results = reference.random_set(seed, federated=False)
    truth, detections = truth_and_detections(tmp_path, content, results)
    whole = match(truth, detections)
    for category in range(len(truth.names)):
        total = int(whole.box_counts[0, category])
        points = {}
        for score in np.unique(detections.scores):
            above = (detections.scores >= score) & (detections.labels == category)
            matched = match(truth, detections[above])
            counted = ~matched.is_ignored[0, 0]
            hits = int((matched.is_matched[0, 0] & counted).sum())
            if hits:
                point = OperatingPoint(float(score), hits / int(counted.sum()), hits / total)
                points[2 * hits / (total + int(counted.sum())), score] = point
        expected = points[max(points)] if points else None
        assert best_f1(whole, category) == pytest.approx(expected)
