"""Mistakes that a format allows are noticed in the boxes and names of a set."""

import json
import re
from pathlib import Path

import pytest

from glip_pl.data.indexing import open_index
from glip_pl.inspection.mistakes import (
    ALIKE,
    FRACTIONS,
    PERCENTAGES,
    REPEATED,
    THIN,
    Mistake,
    mistakes_of,
    unknown_to,
)
from glip_pl.prompts.tokens import Tokenizer
from tests.inspection.splits import BOX, write_split

FRACTION = (0.25, 0.5, 0.5, 0.25)
PERCENT = (30, 30, 60, 60)
POINT = (50, 50, 0.5, 8)


def found(tmp_path: Path, indexes: Path, boxes: list[tuple[float, ...]]) -> list[Mistake]:
    reader = write_split(tmp_path, "train", labels=[0] * len(boxes), boxes=boxes)
    return mistakes_of("train.json", open_index(reader, indexes))


@pytest.mark.parametrize(
    ("boxes", "kind", "severity", "said"),
    [
        ([FRACTION] * 3, FRACTIONS, "stops", r"3 of 3 .* \(at 0\.25, 0\.5 in"),
        ([FRACTION] * 2 + [BOX] * 9, FRACTIONS, "fails", "2 of 11 boxes"),
        ([PERCENT] * 10, PERCENTAGES, "told", "pictures of at least 400 pixels"),
        ([POINT, BOX, BOX], THIN, "told", "1 of 3 boxes of train.json are at most a pixel"),
        ([POINT, POINT, BOX], THIN, "fails", "2 of 3 boxes"),
    ],
)
def test_boxes_of_another_scale_and_points_are_noticed(
    tmp_path: Path,
    indexes: Path,
    boxes: list[tuple[float, ...]],
    kind: str,
    severity: str,
    said: str,
) -> None:
    (mistake,) = found(tmp_path, indexes, boxes)
    assert (mistake.kind, mistake.severity) == (kind, severity)
    assert re.search(said, mistake.message)


@pytest.mark.parametrize("boxes", [[], [BOX], [(0, 0, 2.5, 2.5)], [PERCENT] * 9])
def test_ordinary_boxes_are_no_mistake(
    tmp_path: Path, indexes: Path, boxes: list[tuple[float, ...]]
) -> None:
    assert found(tmp_path, indexes, boxes) == []


def test_names_that_differ_only_in_case_or_spaces_fail(tmp_path: Path, indexes: Path) -> None:
    reader = write_split(tmp_path, "train", names=["red cell", "blue", "Red_Cell "])
    (mistake,) = mistakes_of("train.json", open_index(reader, indexes))
    assert (mistake.kind, mistake.severity) == (ALIKE, "fails")
    assert "train.json has 'red cell' and 'Red_Cell '" in mistake.message


def test_names_that_the_vocabulary_does_not_know_are_told(tokenizer: Tokenizer) -> None:
    (mistake,) = unknown_to(tokenizer, ["cat", "猫咪", "🐱"], "train.json")
    assert mistake.severity == "told" and "🐱" in str(mistake) and "data.prompts" in str(mistake)
    assert unknown_to(tokenizer, ["cat"], "train.json") == []


def test_a_picture_with_two_entries_is_noticed(tmp_path: Path, indexes: Path) -> None:
    reader = write_split(tmp_path, "train")
    path = Path(reader.annotations)
    content = json.loads(path.read_text())
    content["images"].append({**content["images"][0], "id": 2})
    path.write_text(json.dumps(content))
    (mistake,) = mistakes_of("train.json", open_index(reader, indexes))
    assert (mistake.kind, mistake.severity) == (REPEATED, "fails")
    assert "train.json has several entries for 'train.png'" in mistake.message
