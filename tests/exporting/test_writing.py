"""A written file takes any batch, size, number of tokens and of phrases."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl.exporting import writing
from glip_pl.exporting.checking import cases, pictures
from glip_pl.exporting.graph import Graph
from glip_pl.exporting.parity import differences
from glip_pl.exporting.running import FORMATS, runner
from glip_pl.exporting.selection import by_onnx
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor


def test_example_inputs_have_the_graphs_names(tiny_finding: Path) -> None:
    graph = Graph(Predictor.load(tiny_finding, "cpu").model, None, by_onnx, None)
    inputs, sizes = writing._example(graph)
    assert tuple(sizes) == graph.input_names == ("images", "sizes", "tokens", "attention_mask")
    assert [len(value) for value in inputs] == [2] * 4
    assert all(side % writing.MULTIPLE == 0 for side in inputs[0].shape[2:])


@pytest.mark.slow
@pytest.mark.parametrize("format", list(FORMATS))
def test_a_file_computes_what_the_model_does(
    tiny_finding: Path, tmp_path: Path, format: str
) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    graph = Graph(predictor.model, Decoder(), by_onnx, None).eval()
    path = tmp_path / f"model{FORMATS[format]}"
    writing.write(graph, path, format, {"glip_pl": "{}"})
    run = runner(path, format)
    compared = list(cases(predictor, graph, pictures(None, 3)))
    assert all(one.accepted for one in differences(graph, run, compared))
    assert np.concatenate([run(inputs)[2] for _, inputs in compared]).size > 0
