from pathlib import Path

import pytest

from glip_pl.data.formats.label_map import (
    LABEL_MAP,
    add_names,
    label_map_beside,
    names_in_order,
    read_label_map,
)
from glip_pl.errors import UserError


def test_names_are_in_the_order_of_their_labels(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"2": "dog", "0": "cat", "1": 7}')
    assert read_label_map(path) == ["cat", "7", "dog"]
    assert names_in_order({}, path) == []


@pytest.mark.parametrize("text", ["", "[1]", '{"a": "b"}', "[" * 200_000])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"map\.json is not a label map"):
        read_label_map(path)


@pytest.mark.parametrize("name", ["null", '""', "[]"])
def test_names_that_say_nothing_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"0": ' + name + "}")
    with pytest.raises(UserError, match=r"map\.json is not a label map: .* categor"):
        read_label_map(path)


def test_a_label_map_is_found_beside_a_file(tmp_path: Path) -> None:
    assert label_map_beside(tmp_path / "0.tar") is None
    (tmp_path / LABEL_MAP).write_text("{}")
    assert label_map_beside(tmp_path / "0.tar") == tmp_path / LABEL_MAP


def test_boxes_name_their_labels_in_one_way() -> None:
    names = {0: "cat"}
    add_names(names, [{"label": 2, "category": "dog"}, {"label": 1}])
    assert names == {0: "cat", 2: "dog"}
    with pytest.raises(UserError, match="the label 2 is called 'dog' and 'cow'"):
        add_names(names, [{"label": 2, "category": "cow"}])


def test_labels_have_no_gaps(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must run from 0 without a gap, and are \[1, 2\]"):
        names_in_order({2: "a", 1: "b"}, tmp_path)
