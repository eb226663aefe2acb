"""Drawings and predictions.json in the output folder of `predict`."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from glip_pl.inference.image_input import ImageSource
from glip_pl.inference.predictions import Predictions, listed_pictures
from glip_pl.inference.result import Result
from glip_pl.types import Prompt

PROMPT = Prompt("a cat. two dogs", (((0, 5),), ((7, 15),)))


def result(
    path: Path | str, image: Image.Image, boxes: Sequence[Sequence[float]] = (), score: float = 0.5
) -> Result:
    """Boxes of the second phrase."""
    corners = torch.tensor(boxes).reshape(-1, 4)
    scores, labels = torch.full((len(boxes),), score), torch.ones(len(boxes), dtype=torch.int64)
    source = ImageSource(str(path), Path(path), image)
    size = (image.height, image.width)
    return Result(source, size, corners, scores, labels, ("a cat", "two dogs"), PROMPT)


def test_files_of_the_same_name_do_not_replace_each_other(tmp_path: Path) -> None:
    predictions = Predictions(tmp_path, PROMPT)
    for parent in ("here", "there"):
        image = Image.new("RGB", (9, 8))
        predictions.add(result(Path(parent, "x.jpg"), image, [[1.0, 2, 4, 5.004]], 0.87654))
    predictions.finish_drawing()
    first, second = predictions.entries
    assert (first["picture"], second["picture"]) == ("x_jpg.jpg", "00001_x_jpg.jpg")
    assert all((tmp_path / image["picture"]).is_file() for image in predictions.entries)
    assert first["boxes"] == [
        {"phrase": "two dogs", "phrase_id": 1, "score": 0.8765, "box": [1.0, 2.0, 4.0, 5.0]}
    ]
    assert (first["width"], first["height"]) == (9, 8)


def test_older_drawings_make_way_for_new_ones_and_nothing_else_does(tmp_path: Path) -> None:
    image = Image.new("RGB", (9, 8))
    (tmp_path / "mine.png").touch()
    for names in (("a.jpg", "b.jpg"), ("b.jpg", "c.jpg")):
        predictions = Predictions(tmp_path, PROMPT)
        for name in names:
            predictions.add(result(name, image))
        predictions.write_report({"threshold": 0.3})
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == ["b_jpg.jpg", "c_jpg.jpg", "mine.png", "predictions.json"]
    assert json.loads(predictions.report.read_text())["threshold"] == 0.3


def test_pictures_that_are_read_are_neither_removed_nor_replaced(tmp_path: Path) -> None:
    """The output folder of an earlier run may be the input of the next one."""
    image = Image.new("RGB", (9, 8))
    first = Predictions(tmp_path, PROMPT)
    first.add(result("a.png", image))
    first.add(result("b.jpg", image))
    first.write_report({})
    inputs = [tmp_path / "a_png.jpg", tmp_path / "a.png"]
    before = inputs[0].read_bytes()
    image.save(inputs[1])
    second = Predictions(tmp_path, PROMPT, inputs=frozenset(path.resolve() for path in inputs))
    for path in inputs:
        second.add(result(path, Image.new("RGB", (5, 5))))
    second.write_report({})
    assert inputs[0].read_bytes() == before
    assert not (tmp_path / "b_jpg.jpg").exists()


def test_a_drawing_that_cannot_be_written_is_no_silence(tmp_path: Path) -> None:
    predictions = Predictions(tmp_path / "gone", PROMPT)
    predictions.add(result("a.png", Image.new("RGB", (9, 8))))
    with pytest.raises(FileNotFoundError):
        predictions.finish_drawing()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"images": 5}', '{"images": [{"picture": "../x.png"}]}']
)
def test_another_programs_report_lists_no_drawing(content: str, tmp_path: Path) -> None:
    (tmp_path / "predictions.json").write_text(content)
    assert listed_pictures(tmp_path / "predictions.json") == set()
    assert listed_pictures(tmp_path / "none.json") == set()
