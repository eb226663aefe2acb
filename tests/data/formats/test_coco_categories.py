import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.data.formats.coco_categories import read_categories, replaced_names
from glip_pl.errors import UserError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "coco.json"


def write(file: Path, *categories: dict[str, Any]) -> Path:
    file.write_text(json.dumps({"categories": categories}))
    return file


def used(file: Path, labels: list[int]) -> tuple[list[str], list[int]]:
    """Names and labels without a super-category."""
    names_by_id, remaining = read_categories(file).used(np.asarray(labels, dtype=np.int64))
    return list(names_by_id.values()), remaining.tolist()


def test_names_are_in_the_order_of_their_ids(file: Path) -> None:
    write(file, {"id": "9", "name": "dog"}, {"id": 2.0, "name": "cat"})
    assert read_categories(file).names_by_id == {2: "cat", 9: "dog"}
    assert list(read_categories(file).names_by_id) == [2, 9]


def test_the_id_zero_is_a_super_category_only_if_no_box_has_it(file: Path) -> None:
    write(file, {"id": 0, "name": "cells"}, {"id": 1, "name": "red"})
    assert used(file, [1, 1]) == (["red"], [0, 0])
    assert used(file, [0, 1]) == (["cells", "red"], [0, 1])


def test_the_id_zero_is_no_super_category_if_the_file_names_others(file: Path) -> None:
    cells = {"id": 0, "name": "cells", "supercategory": "none"}
    write(file, cells, {"id": 1, "name": "red", "supercategory": "cells"})
    assert used(file, [1]) == (["red"], [0])
    write(file, cells, {"id": 1, "name": "red", "supercategory": "blood"})
    assert used(file, [1]) == (["cells", "red"], [1])


def test_a_table_corrects_names(file: Path, tmp_path: Path) -> None:
    write(file, {"id": 1, "name": "hydarnt"}, {"id": 2, "name": "cat"})
    table = tmp_path / "fix.csv"
    table.write_text("id,old,new\n1,hydarnt,hydrant\na line of another form\n")
    assert read_categories(file, table).names_by_id == {1: "hydrant", 2: "cat"}
    table.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is not a CSV file"):
        read_categories(file, table)


def test_repeated_and_incomplete_entries_are_refused(file: Path) -> None:
    write(file, {"id": 1, "name": "cat"}, {"id": 1, "name": "dog"})
    with pytest.raises(UserError, match="an id occurs twice"):
        read_categories(file)
    write(file, {"id": 1})
    with pytest.raises(UserError, match="has no id or name"):
        read_categories(file)


def test_a_setting_replaces_all_names_or_none(file: Path) -> None:
    names_by_id = {3: "RBC", 5: "WBC"}
    assert replaced_names(file, names_by_id, None) == ["RBC", "WBC"]
    assert replaced_names(file, names_by_id, ["red", "white"]) == ["red", "white"]
    with pytest.raises(UserError, match=r"has 2 categories, and the setting `names` gives 1"):
        replaced_names(file, names_by_id, ["red"])
