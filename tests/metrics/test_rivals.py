"""Of objects that a phrase with the right head noun boxes, how many their own phrase wins."""

from math import isnan
from typing import Any

import numpy as np
import pytest

from glip_pl.data.truth import Truth
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.rivals import RivalAccuracy, best_scores, rival_figures

NAMES = ["red car", "blue car", "bus", "green car"]
BOXES = [[10.0, 10, 20, 20], [50.0, 50, 20, 20], [80.0, 10, 20, 20]]


def truth(labels: list[int], crowds: list[bool] | None = None) -> Truth:
    count = len(labels)
    boxes = np.asarray(BOXES[:count]).reshape(-1, 4)
    return Truth(
        image_ids=np.asarray([7]),
        boxes=boxes,
        areas=boxes[:, 2] * boxes[:, 3],
        crowds=np.asarray(crowds or [False] * count, dtype=bool),
        images=np.zeros(count, dtype=np.int64),
        labels=np.asarray(labels, dtype=np.int64),
        names=NAMES,
        category_ids=np.arange(1, 5),
    )


def found(*rows: tuple[int, float, list[float]]) -> DetectionsTable:
    """Detections of one image: label, score, box."""
    labels: Any = [row[0] for row in rows]
    return DetectionsTable(
        np.zeros(len(rows), dtype=np.int64),
        np.asarray(labels, dtype=np.int64),
        np.asarray([row[1] for row in rows], dtype=float),
        np.asarray([row[2] for row in rows], dtype=float).reshape(-1, 4),
    )


def test_the_best_rival_wins_a_box() -> None:
    detections = found(
        (0, 0.9, BOXES[0]), (1, 0.6, BOXES[0]),  # won, and shown twice
        (0, 0.5, BOXES[1]), (1, 0.2, BOXES[1]), (2, 0.99, BOXES[1]),  # lost; a bus is no rival
        (1, 0.9, [110.0, 110, 5, 5]),  # beside all objects: the third one has no box
    )  # fmt: skip
    figures = rival_figures(truth([0, 1, 3]), detections)
    assert figures["rivals_boxed"] == pytest.approx(2 / 3)
    assert figures["rivals_won"] == 0.5
    assert figures["rivals_doubled"] == 0.5


def test_an_equal_rival_is_no_win_and_others_do_not_count() -> None:
    assert rival_figures(truth([0]), found((0, 0.5, BOXES[0]), (1, 0.5, BOXES[0])))[
        "rivals_won"
    ] == 0  # fmt: skip
    only_rival = rival_figures(truth([0]), found((3, 0.5, BOXES[0])))
    assert (only_rival["rivals_boxed"], only_rival["rivals_won"]) == (1, 0)
    bus = rival_figures(truth([2]), found((2, 0.5, BOXES[0])))
    assert all(isnan(value) for value in bus.values())
    crowd = rival_figures(truth([0], [True]), found((0, 0.5, BOXES[0])))
    assert all(isnan(value) for value in crowd.values())
    nothing = rival_figures(truth([]), found())
    assert all(isnan(value) for value in nothing.values())
    missed = rival_figures(truth([0]), found())
    assert missed["rivals_boxed"] == 0 and isnan(missed["rivals_won"])


def test_scores_are_the_best_of_each_category_at_an_object() -> None:
    detections = found((0, 0.3, BOXES[0]), (0, 0.7, BOXES[0]), (2, 0.4, BOXES[0]))
    assert best_scores(truth([0, 1]), detections).tolist() == [[0.7, 0, 0.4, 0], [0, 0, 0, 0]]


def test_the_metric_has_all_figures_that_it_shows() -> None:
    metric = RivalAccuracy(lambda: truth([0, 1]))
    figures = metric.figures(truth([0, 1]), found((0, 0.9, BOXES[0]), (1, 0.8, BOXES[1])))
    assert {metric.headline, *metric.columns} <= figures.keys()
    assert figures["rivals_won"] == 1 and figures["AP"] == pytest.approx(1)
    assert "head noun" in metric.protocol
