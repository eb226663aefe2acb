import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data.formats.coco_categories import read_categories, replaced_names
from glip_pl.errors import UserError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "coco.json"


def write(file: Path, *categories: dict[str, Any], labels: Sequence[Any] = ()) -> Path:
    """A file with these categories and a box of each of the category ids `labels`."""
    annotations = [{"category_id": label} for label in labels]
    file.write_text(json.dumps({"categories": categories, "annotations": annotations}))
    return file


CELLS, RED = {"id": 0, "name": "cells"}, {"id": 1, "name": "red"}


def test_names_are_in_the_order_of_their_ids(file: Path) -> None:
    write(file, {"id": "9", "name": "dog"}, {"id": 2.0, "name": "cat"})
    assert list(read_categories(file).items()) == [(2, "cat"), (9, "dog")]


@pytest.mark.parametrize("label", [0, 0.0, "0"])
def test_the_id_zero_is_a_super_category_only_if_no_box_of_any_split_has_it(
    file: Path, tmp_path: Path, label: object
) -> None:
    write(file, CELLS, RED, labels=[1, 1])
    other = write(tmp_path / "val.json", CELLS, RED, labels=[1])
    assert read_categories(file, splits=[file, other]) == {1: "red"}
    write(other, CELLS, RED, labels=[1, label])
    assert read_categories(file, splits=[file, other]) == {0: "cells", 1: "red"}
    assert read_categories(other, splits=[file, other]) == {0: "cells", 1: "red"}
    write(file, CELLS)
    assert read_categories(file) == {0: "cells"}  # there is nothing else


def test_crowds_and_broken_entries_make_no_category_of_a_super_category(file: Path) -> None:
    write(file, CELLS, RED, labels=[1, None, [0], "x"])
    content = json.loads(file.read_text())
    content["annotations"].append({"category_id": 0, "iscrowd": 1})
    file.write_text(json.dumps(content))
    assert read_categories(file) == {1: "red"}


def test_the_id_zero_is_no_super_category_if_the_file_names_others(file: Path) -> None:
    cells = CELLS | {"supercategory": "none"}
    write(file, cells, RED | {"supercategory": "cells"}, labels=[1])
    assert read_categories(file) == {1: "red"}
    write(file, cells, RED | {"supercategory": "blood"}, labels=[1])
    assert read_categories(file) == {0: "cells", 1: "red"}


@pytest.mark.parametrize(("name", "number"), [("_background_", 0), ("__Background__", 7)])
def test_a_background_without_boxes_is_left_out(file: Path, name: str, number: int) -> None:
    background = {"id": number, "name": name, "supercategory": None}
    red = RED | {"supercategory": None}
    write(file, background, red, labels=[1])
    assert read_categories(file) == {1: "red"}
    write(file, background, red, labels=[1, number])
    assert set(read_categories(file)) == {1, number}


def test_a_table_corrects_names(file: Path, tmp_path: Path) -> None:
    write(file, {"id": 1, "name": "hydarnt"}, {"id": 2, "name": "cat"})
    table = tmp_path / "fix.csv"
    table.write_text("id,old,new\n1,hydarnt,hydrant\na line of another form\n")
    assert read_categories(file, table) == {1: "hydrant", 2: "cat"}
    table.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is not a CSV file"):
        read_categories(file, table)


def test_repeated_and_incomplete_entries_are_refused(file: Path) -> None:
    write(file, {"id": 1, "name": "cat"}, {"id": 1, "name": "dog"})
    with pytest.raises(UserError, match="the id 1 occurs twice"):
        read_categories(file)
    write(file, {"id": 1})
    with pytest.raises(UserError, match="has no id or name"):
        read_categories(file)
    write(file, {"id": 1, "name": None})
    message = r"the entry .* of `categories` is malformed: a category is called null"
    with pytest.raises(UserError, match=message):
        read_categories(file)


def test_a_setting_replaces_all_names_or_none(file: Path) -> None:
    names_by_id = {3: "RBC", 5: "WBC"}
    assert replaced_names(file, names_by_id, None) == ["RBC", "WBC"]
    assert replaced_names(file, names_by_id, ["red", "white"]) == ["red", "white"]
    with pytest.raises(UserError, match=r"has 2 categories, and the setting `names` gives 1"):
        replaced_names(file, names_by_id, ["red"])
