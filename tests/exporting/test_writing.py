"""A written file takes any batch, size, number of tokens and of phrases."""

from pathlib import Path

import pytest

from glip_pl.exporting import writing
from glip_pl.exporting.checking import cases, pictures
from glip_pl.exporting.graph import Graph, Vocabulary
from glip_pl.exporting.parity import differences
from glip_pl.exporting.running import FORMATS, runner
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor


def test_example_inputs_have_the_graphs_names(tiny_finding: Path) -> None:
    graph = Graph(Predictor.load(tiny_finding, "cpu").model, None, None)
    inputs, sizes = writing._example(graph)
    assert tuple(sizes) == graph.input_names == ("images", "sizes", "tokens", "attention_mask")
    assert [len(value) for value in inputs] == [2] * 4
    assert all(side % writing.MULTIPLE == 0 for side in inputs[0].shape[2:])


def vocabulary_of(predictor: Predictor) -> Vocabulary:
    names = ("a red circle", "squares")
    (question,) = predictor.encode(names).questions
    return Vocabulary(question.text, question.phrase_masks, names)


@pytest.mark.slow
@pytest.mark.parametrize("content", ["open", "frozen", "raw"])
@pytest.mark.parametrize("format", list(FORMATS))
def test_a_file_computes_what_the_model_does(
    tiny_finding: Path, tmp_path: Path, format: str, content: str
) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    decoder = None if content == "raw" else Decoder()
    names = vocabulary_of(predictor) if content == "frozen" else None
    graph = Graph(predictor.model, decoder, names).eval()
    path = tmp_path / f"model{FORMATS[format]}"
    writing.write(graph, path, format, {"glip_pl": "{}"})
    run = runner(path, format)
    compared = list(cases(predictor, graph, pictures(None, 3)))
    assert all(one.accepted for one in differences(graph, run, compared))
    assert all(run(inputs)[2].size > 0 for _, inputs in compared)
