"""One line labels a folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.results import Results


@pytest.fixture(scope="module")
def results(tiny_finding: Path, world: Path) -> Results:
    found: Results = Predictor.load(tiny_finding)(world / "images/seen", ["circle", "square"])
    return found


def test_a_folder_is_labelled_in_one_line(results: Results, tmp_path: Path, world: Path) -> None:
    results.save(tmp_path / "labels.json")
    content = json.loads((tmp_path / "labels.json").read_text())
    assert [category["name"] for category in content["categories"]] == ["circle", "square"]
    assert len(content["images"]) == len(results) == 4
    assert len(content["annotations"]) == sum(map(len, results)) > 0
    contents = CocoJson(tmp_path / "labels.json", world / "images/seen").read(Problems())
    assert [len(record.boxes) for record in contents.records] == list(map(len, results))


@pytest.mark.parametrize("format", ["yolo", "voc", "label_studio", "cvat", "odvg"])
def test_other_formats_are_written_too(results: Results, tmp_path: Path, format: str) -> None:
    results.save(tmp_path / "out", format)
    assert (tmp_path / "out").is_dir() == (format in ("yolo", "voc"))


def test_results_without_common_categories_are_refused(results: Results, tmp_path: Path) -> None:
    mixed = Results([results[0], replace(results[1], classes=("a",))])
    for wrong, message in ((Results(), "there is no result"), (mixed, "for different names")):
        with pytest.raises(UserError, match=message):
            wrong.save(tmp_path / "out.json")
    with pytest.raises(UserError, match="is unknown: use one of coco"):
        results.save(tmp_path / "out.json", "tfrecord")
    assert not any(tmp_path.iterdir())
