import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from glip_pl.annotations.label_studio import config_path, write_label_studio
from glip_pl.files.plain_xml import read_plain_xml
from tests.annotations.example import EMPTY, FOUND, NAMES


def written(folder: Path, *images: Any) -> list[Any]:
    write_label_studio(images, NAMES, folder / "tasks.json")
    tasks: list[Any] = json.loads((folder / "tasks.json").read_text())
    return tasks


def test_what_a_model_found_is_a_prediction_in_percent(tmp_path: Path) -> None:
    (task,) = written(tmp_path, FOUND)
    (prediction,) = task["predictions"]
    assert prediction["score"] == 0.75
    region = prediction["result"][0]
    assert region["value"] == {
        **{"x": 5, "y": 40, "width": 10.125, "height": 40, "rotation": 0},
        "rectanglelabels": ["red <dog>"],
    }
    assert (region["original_width"], region["original_height"]) == (200, 50)
    assert len({one["id"] for one in prediction["result"]}) == 2


def test_what_people_drew_is_an_annotation(tmp_path: Path) -> None:
    tasks = written(tmp_path, EMPTY, replace(FOUND, scores=None))
    assert tasks[0]["annotations"] == [{"result": []}]
    assert "score" not in tasks[1]["annotations"][0]["result"][0]
    assert "predictions" not in tasks[1]


def test_pictures_are_addressed_below_the_folder_of_local_files(tmp_path: Path) -> None:
    (task,) = written(tmp_path, replace(FOUND, name="a b/ü?.png"))
    assert task["data"] == {"image": "/data/local-files/?d=a%20b/%C3%BC%3F.png"}


def test_the_configuration_has_the_parts_that_boxes_refer_to(tmp_path: Path) -> None:
    (task,) = written(tmp_path, FOUND)
    view = read_plain_xml(config_path(tmp_path / "tasks.json"))
    picture, labels = view
    region = task["predictions"][0]["result"][0]
    assert region["to_name"] == picture.attrib["name"] == labels.attrib["toName"]
    assert region["from_name"] == labels.attrib["name"]
    assert region["type"] == labels.tag.lower()
    assert picture.attrib["value"] == "$image"
    assert [label.attrib["value"] for label in labels] == NAMES
