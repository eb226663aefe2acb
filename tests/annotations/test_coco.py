import io
import json
from pathlib import Path

from glip_pl.annotations.coco import write_coco, write_list
from tests.annotations.example import EMPTY, FOUND, NAMES


def test_ids_count_from_one_and_boxes_have_width_and_height(tmp_path: Path) -> None:
    write_coco([EMPTY, FOUND], NAMES, tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())
    assert [(one["id"], one["name"]) for one in content["categories"]] == [*enumerate(NAMES, 1)]
    assert content["images"][1] == {"id": 2, "file_name": "a/x.png", "width": 200, "height": 50}
    first = {"id": 1, "image_id": 2, "category_id": 2, "bbox": [10, 20, 20.25, 20], "area": 405}
    assert content["annotations"][0] == first | {"iscrowd": 0, "segmentation": [], "score": 0.75}
    assert len(content["annotations"]) == 2


def test_nothing_gives_empty_lists(tmp_path: Path) -> None:
    write_coco([], [], tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["images"] == content["annotations"] == content["categories"] == []


def test_a_list_has_an_entry_per_line() -> None:
    file = io.StringIO()
    write_list(file, iter([1, {"a": 2}]))
    assert file.getvalue() == '[\n1,\n{"a": 2}\n]'
