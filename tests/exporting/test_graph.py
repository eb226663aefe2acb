"""The graph computes in tensors of fixed steps what the model and its decoder do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glip_pl.exporting.checking import cases, pictures
from glip_pl.exporting.graph import Graph, Vocabulary
from glip_pl.exporting.parity import differences
from glip_pl.exporting.running import Arrays
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor
from glip_pl.models.plain_forms import plain_forms


def run(graph: Graph, inputs: Arrays) -> list[np.ndarray[Any, Any]]:
    with torch.inference_mode(), plain_forms():
        return [part.numpy() for part in graph(*map(torch.from_numpy, inputs.values()))]


@pytest.fixture(scope="module")
def found() -> list[tuple[str, Image.Image]]:
    return pictures(None, 2)


@pytest.mark.parametrize("limit", [5, 1000])
def test_it_detects_what_the_decoder_does(
    tiny_finding: Path, found: list[tuple[str, Image.Image]], limit: int
) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    decoder = Decoder(max_detections=limit, candidates_per_level=limit)
    graph = Graph(predictor.model, decoder, None)
    compared = list(cases(predictor, graph, found))
    outputs = run(graph, compared[-1][1])
    assert len(outputs[2]) >= 5
    differ = differences(graph, lambda inputs: run(graph, inputs), compared)
    assert len(differ) == 3
    assert all(one.accepted for one in differ), differ


def test_a_frozen_vocabulary_gives_the_same_without_text(
    tiny_finding: Path, found: list[tuple[str, Image.Image]]
) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    (question,) = predictor.encode(["a red circle", "squares"]).questions
    words = Vocabulary(question.text, question.phrase_masks, ("a red circle", "squares"))
    frozen = Graph(predictor.model, Decoder(), words)
    assert frozen.input_names == ("images", "sizes")
    (_, inputs), *_ = cases(predictor, frozen, found)
    outputs = run(frozen, inputs)
    query = predictor.encode(["a red circle", "squares"])
    (detections,) = predictor.detect([found[0][1]], query)
    torch.testing.assert_close(torch.tensor(outputs[2]), detections.scores, atol=1e-5, rtol=0)
    assert torch.tensor(outputs[3]).equal(detections.phrase_ids)


def test_without_a_decoder_all_anchors_are_returned(
    tiny_finding: Path, found: list[tuple[str, Image.Image]]
) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    graph = Graph(predictor.model, None, None)
    assert graph.input_names == ("images", "sizes", "tokens", "attention_mask")
    assert graph.output_names == ("token_scores", "centerness", "boxes")
    compared = list(cases(predictor, graph, found))
    differ = differences(graph, lambda inputs: run(graph, inputs), compared)
    assert all(one.accepted for one in differ), differ
