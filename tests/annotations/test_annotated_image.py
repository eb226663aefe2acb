from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.annotations.annotated_image import AnnotatedImage
from tests.annotations.example import EMPTY, FOUND


def test_boxes_are_cut_at_the_border_and_those_without_area_go() -> None:
    boxes = np.asarray([[-5, 10, 30, 90], [300, 10, 310, 20], [9, 9, 9, 20]], dtype=np.float32)
    labels, scores = np.asarray([0, 1, 1]), np.asarray([0.5, 0.6, 0.7])
    clipped = AnnotatedImage(Path("a"), (50, 200), boxes, labels, scores).clipped()
    assert clipped.boxes.tolist() == [[0, 10, 30, 50]]
    assert clipped.boxes.dtype == np.float64
    assert clipped.labels.tolist() == [0]
    assert clipped.scores is not None
    assert clipped.scores.tolist() == [0.5]
    assert len(EMPTY.clipped().boxes) == 0


@pytest.mark.parametrize(
    "change",
    [
        partial(replace, boxes=np.zeros((1, 4))),
        partial(replace, labels=np.zeros(1, dtype=int)),
        partial(replace, scores=np.zeros(1)),
    ],
)
def test_numbers_that_differ_are_refused(change: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=r"x\.png: the numbers"):
        change(FOUND)
