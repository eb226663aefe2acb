from pathlib import Path

import pytest

from glip_pl.data.formats.label_map import names_in_order, read_label_map
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


def test_labels_have_no_gaps(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must run from 0 without a gap, and are \[1, 2\]"):
        names_in_order({2: "a", 1: "b"}, tmp_path)
