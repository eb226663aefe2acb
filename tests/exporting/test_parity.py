"""The comparison accepts what agrees, and says how far off anything else is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.exporting.checking import cases, pictures
from glip_pl.exporting.graph import Graph
from glip_pl.exporting.parity import differences, reference
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor


@pytest.mark.parametrize("decoder", [Decoder(), None])
def test_moved_boxes_other_scores_and_missing_detections_are_found(
    tiny_finding: Path, decoder: Decoder | None
) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    graph = Graph(predictor.model, decoder, None)
    (case, *_) = cases(predictor, graph, pictures(None, 1))
    expected = [part.numpy() for part in reference(graph, case[1])]
    boxes, scores = (1, 2) if decoder else (2, 0)

    def changed(part: int, by: float) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        actual = [value.copy() for value in expected]
        actual[part].flat[-1] += by
        return actual

    def compared(actual: list[np.ndarray[Any, Any]]) -> tuple[bool, float, float]:
        (one,) = differences(graph, lambda inputs: actual, [case])
        return one.accepted, one.pixels, one.score

    assert compared(expected) == (True, 0, 0)
    assert compared(changed(boxes, 0.4))[0]
    accepted, pixels, _ = compared(changed(boxes, 0.6))
    assert not accepted and pixels == pytest.approx(0.6, abs=1e-3)
    assert compared(changed(scores, 5e-4))[0]
    accepted, _, score = compared(changed(scores, 2e-3))
    assert not accepted and score == pytest.approx(2e-3, abs=1e-4)
    assert not compared(changed(boxes, np.nan))[0]
    shorter = [value[:-1] if decoder else value[:, :-1] for value in expected]
    assert not compared(shorter)[0]
    if decoder:
        assert not compared(changed(3, 1))[0]  # another phrase
