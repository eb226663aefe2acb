"""Every box, span and size is checked before it is written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.data.index import Index
from glip_pl.data.index_writer import MAX_CAPTION, IndexWriter, OutOfImage
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.errors import UserError


def record(**changes: Any) -> Record:
    """A picture of 40x30 pixels with a box of a category."""
    fields: dict[str, Any] = {
        "image": "a.jpg",
        "size": (30, 40),
        "image_id": 1,
        "boxes": np.asarray([[10.0, 5, 20, 15]]),
        "targets": np.asarray([0]),
    }
    return Record(**fields | changes)


def captioned(*phrases: tuple[tuple[int, int], ...]) -> Record:
    """A picture captioned "a cat" with a box for each phrase."""
    return record(
        caption="a cat",
        phrases=phrases,
        boxes=np.asarray([[10.0, 5, 20, 15]] * len(phrases)),
        targets=np.arange(len(phrases)),
    )


def written(
    folder: Path,
    *records: Record,
    problems: Problems | None = None,
    out_of_image: OutOfImage = "error",
) -> Index:
    with IndexWriter(folder, "boxes.json", problems or Problems(), out_of_image) as writer:
        writer.write(Contents(iter(records), ["cat"]))
    return Index.open(folder)


def test_boxes_become_inclusive_corners(tmp_path: Path) -> None:
    index = written(tmp_path, record())
    assert index.boxes[0].tolist() == [[10, 5, 19, 14]]
    assert index.scores[0].tolist() == [1]
    assert index.targets[0].tolist() == [0]


def test_a_box_may_leave_its_image_by_two_pixels(tmp_path: Path) -> None:
    problems = Problems()
    index = written(tmp_path, record(boxes=np.asarray([[-2.0, 0, 42, 30]])), problems=problems)
    assert index.boxes[0].tolist() == [[0, 0, 39, 29]]
    assert not problems.counts


def test_a_box_outside_its_image_is_an_error_or_is_cut(tmp_path: Path) -> None:
    far = record(boxes=np.asarray([[30.0, 5, 43, 15]]))
    with pytest.raises(
        UserError,
        match=r"boxes\.json: the image 'a\.jpg' of 40x30 pixels has the box \[30\.0, 5\.0, 13\.0, ",
    ):
        written(tmp_path, far)
    problems = Problems()
    index = written(tmp_path, far, problems=problems, out_of_image="clip")
    assert index.boxes[0].tolist() == [[30, 5, 39, 14]]
    assert problems.counts == {"box cut at the border": 1}


@pytest.mark.parametrize("side", [np.nan, np.inf])
def test_a_box_with_nan_or_infinity_is_an_error_even_if_boxes_are_cut(
    tmp_path: Path, side: float
) -> None:
    problems = Problems(1.0)
    bad = record(boxes=np.asarray([[0, 0, side, 9]]))
    index = written(tmp_path, bad, problems=problems, out_of_image="clip")
    assert len(index.boxes[0]) == 0
    assert problems.counts == {"box with NaN or infinity": 1}


def test_a_box_without_area_is_left_out_and_noted(tmp_path: Path) -> None:
    problems = Problems()
    index = written(tmp_path, record(boxes=np.asarray([[5.0, 5, 5, 9]])), problems=problems)
    assert len(index.boxes[0]) == 0
    assert problems.counts == {"box without area": 1}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"size": (0, 40)}, "picture without a size"),
        ({"size": (30, 2**31)}, "picture without a size"),
        ({"image_id": 2**63}, "number out of range"),
        ({"caption": "a", "phrases": (((0, 2**31),),)}, "number out of range"),
        ({"caption": "a" * (MAX_CAPTION + 1)}, "caption too long"),
    ],
)
def test_records_that_cannot_be_stored_are_left_out(
    tmp_path: Path, changes: dict[str, Any], kind: str
) -> None:
    problems = Problems(0.5)
    index = written(tmp_path, record(**changes), record(), problems=problems)
    assert len(index) == 1
    assert problems.counts == {kind: 1}


def test_boxes_of_a_phrase_without_words_are_left_out(tmp_path: Path) -> None:
    problems = Problems(1.0)
    wrong = captioned(((2, 5), (3, 99)), ((4, 4),), ((0, 1),))
    index = written(tmp_path, wrong, problems=problems)
    assert index.phrases(0) == (((2, 5),), (), ((0, 1),))
    assert index.targets[0].tolist() == [0, 2]
    assert problems.counts == {"span outside its caption": 2}
    assert "has the span [3, 99) in a caption of 5 characters" in str(problems.examples)


def test_shards_begin_where_the_block_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glip_pl.data.index_writer.CHUNK", 2)
    index = written(tmp_path, *(record(block=block) for block in (0, 0, 0, 1, 1)))
    assert index.blocks.tolist() == [0, 3, 5]
    assert len(index.boxes.values) == 5


def test_an_index_is_complete_only_with_its_last_file(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        written(tmp_path, record(), record(size=(0, 0)))
    assert not (tmp_path / "meta.json").exists()
    written(tmp_path, record())
    assert json.loads((tmp_path / "meta.json").read_text())["names"] == ["cat"]


def test_only_pictures_without_any_annotation_are_empty(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"boxes": np.zeros((0, 4)), "targets": np.zeros(0, np.int64)}
    records = [
        record(**nothing),
        record(**nothing, incomplete=True),  # such as one with crowds alone
        record(boxes=np.asarray([[10.0, 5, 10, 15]])),  # its box has no area
        record(**nothing, caption="a cat"),
        record(),
    ]
    index = written(tmp_path, *records)
    assert index.empty.tolist() == [True, False, False, False, False]
    assert [len(index.boxes[row]) for row in range(5)] == [0, 0, 0, 0, 1]
