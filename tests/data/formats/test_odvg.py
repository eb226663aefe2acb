import json
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError

HEAD = {"filename": "a.png", "height": 20, "width": 20}


def instance(label: int, **fields: Any) -> dict[str, Any]:
    return {"bbox": [1, 1, 5, 5], "label": label, **fields}


def write(file: Path, *lines: Any) -> OdvgJsonl:
    file.write_text("\n".join(json.dumps(line) for line in lines))
    return OdvgJsonl(file, file.parent)


def test_names_are_those_of_the_lines_in_the_order_of_their_labels(tmp_path: Path) -> None:
    lines = [
        HEAD | {"detection": {"instances": [instance(1, category="dog")]}},
        HEAD | {"detection": {"instances": [instance(0, category="cat"), instance(1)]}},
    ]
    contents = write(tmp_path / "lines.jsonl", *lines).read(Problems())
    assert contents.names == ["cat", "dog"]
    assert [record.targets.tolist() for record in contents.records] == [[1], [0, 1]]


def test_a_gap_in_the_labels_needs_a_label_map(tmp_path: Path) -> None:
    line = HEAD | {"detection": {"instances": [instance(1, category="dog")]}}
    reader = write(tmp_path / "lines.jsonl", line)
    with pytest.raises(UserError, match="must run from 0 without a gap"):
        reader.read(Problems())
    (tmp_path / "map.json").write_text('{"0": "cat", "1": "dog"}')
    with_map = OdvgJsonl(reader.annotations, reader.images, tmp_path / "map.json")
    assert with_map.read(Problems()).names == ["cat", "dog"]
    assert with_map.files == [tmp_path / "lines.jsonl", tmp_path / "map.json"]


def test_bad_lines_are_reported_and_left_out(tmp_path: Path) -> None:
    grounding = {"caption": "a cat", "regions": []}
    file = tmp_path / "lines.jsonl"
    reader = write(file, HEAD | {"grounding": grounding}, [1], HEAD)
    file.write_text(file.read_text() + "\n\n{")
    problems = Problems(tolerate=1.0)
    assert [record.image_id for record in reader.read(problems).records] == [0]
    assert problems.counts == {"line that is not JSON": 2, "malformed line": 1}
    with pytest.raises(UserError, match="line 2 is not a JSON object"):
        list(reader.read(Problems()).records)


@pytest.mark.timeout(20)
def test_endless_nesting_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "deep.jsonl"
    file.write_text('{"filename":' + "[" * 200_000)
    with pytest.raises(UserError, match="line 1 is not a JSON object"):
        list(OdvgJsonl(file, tmp_path).read(Problems()).records)


DEEP = "[" * 900 + "]" * 900
"""Nested less than the JSON parser allows, and more than Python can write as text below it."""


@pytest.mark.parametrize(
    "line",
    [
        '{"detection": ' * 200_000,
        '{"filename": "a.png", "height": 9, "width": 9, "detection": {"instances": '
        '[{"bbox": [1, 1, 5, 5], "label": 0, "category": ' + DEEP + "}]}}",
        '{"filename": "a.png", "height": 9, "width": 9, "grounding": {"caption": '
        + DEEP
        + ', "regions": [{"bbox": [1, 1, 5, 5], "phrase": '
        + DEEP
        + "}]}}",
        '{"filename": "a.png", "height": 9, "width": 9, "grounding": {"caption": "a cat", '
        '"regions": [{"bbox": ' + DEEP + ', "phrase": "cat"}]}}',
    ],
    ids=["line", "category", "caption", "box"],
)
def test_deep_nesting_is_one_bad_line(tmp_path: Path, line: str) -> None:
    sound = json.dumps(HEAD | {"detection": {"instances": [instance(0, category="cat")]}})
    file = tmp_path / "lines.jsonl"
    file.write_text(f"{line}\n{sound}")
    problems = Problems(tolerate=1.0)
    contents = OdvgJsonl(file, tmp_path).read(problems)
    assert contents.names == ["cat"]
    records = list(contents.records)
    assert records[-1].image_id == 1
    assert len(records) + problems.errors == 2


def test_the_label_map_beside_the_lines_is_found(tmp_path: Path) -> None:
    (tmp_path / "label_map.json").write_text('{"0": "cat", "1": "dog"}')
    line = HEAD | {"detection": {"instances": [instance(1, category="dog")]}}
    reader = write(tmp_path / "lines.jsonl", line)
    assert reader.files == [tmp_path / "lines.jsonl", tmp_path / "label_map.json"]
    assert reader.read(Problems()).names == ["cat", "dog"]


def test_a_label_with_two_names_is_told(tmp_path: Path) -> None:
    lines = [
        HEAD | {"detection": {"instances": [instance(0, category=name)]}} for name in ("cat", "dog")
    ]
    with pytest.raises(UserError, match="line 2: the label 0 is called 'cat' and 'dog'"):
        write(tmp_path / "lines.jsonl", *lines).read(Problems())
