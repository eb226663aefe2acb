"""Which records are used in training and in evaluation, and which of their boxes."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data import shared_array
from glip_pl.data.few_shot import FewShot
from glip_pl.data.filtering import BoxFilter
from glip_pl.data.index import Index
from glip_pl.data.index_writer import IndexWriter
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.data.selection import Selection
from glip_pl.errors import UserError

BOX = [0.0, 0, 9, 9]
LINE = [0.0, 0, 9, 1]


def record(number: int, boxes: list[list[float]], caption: str | None = None) -> Record:
    """A picture with boxes of category 0, or of the first word of a caption; scores fall."""
    return Record(
        image=f"{number}.jpg",
        size=(20, 30),
        image_id=number,
        boxes=np.asarray(boxes, dtype=np.float64).reshape(-1, 4),
        targets=np.zeros(len(boxes), dtype=np.int64),
        caption=caption,
        phrases=() if caption in (None, "") else (((0, 1),),),
        scores=np.linspace(0.9, 0.4, len(boxes), dtype=np.float32),
    )


def index_of(folder: Path, *records: Record) -> Index:
    with IndexWriter(folder, "the source", Problems(), "error") as writer:
        writer.write(Contents(iter(records), ["cat"]))
    return Index.open(folder)


def test_training_uses_records_with_a_box_of_some_area(tmp_path: Path) -> None:
    records = [record(0, [BOX]), record(1, []), record(2, [LINE]), record(3, [LINE, BOX])]
    index = index_of(tmp_path, *records)
    selected = Selection().for_training(index, "the source")
    assert selected.rows.tolist() == [0, 3]
    assert len(selected) == 2
    assert len(selected.annotations(3).boxes) == 2


def test_pictures_in_which_nothing_is_annotated_are_trained_on_if_wanted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    crowd = dataclasses.replace(record(1, []), incomplete=True)
    records = [record(0, [BOX]), crowd, record(2, []), record(3, [LINE]), record(4, [])]
    index = index_of(tmp_path, *records)
    caplog.set_level(logging.INFO)
    selection = Selection(keep_empty=True)
    assert selection.for_training(index, "the source").rows.tolist() == [0, 2, 4]
    assert len(selection.for_training(index, "the source").annotations(2).boxes) == 0
    assert Selection().for_training(index, "the source").rows.tolist() == [0]
    shots = Selection(FewShot(1), keep_empty=True)
    assert shots.for_training(index, "the source").rows.tolist() == [0]
    told = "the source: nothing is annotated in 2 of 5 images:"
    first, _, without, few = caplog.messages
    assert first.startswith(f"{told} 2 of these are trained on as background (keep_empty=false")
    assert without.startswith(f"{told} these are left out of training (keep_empty=true trains on")
    assert few.startswith(f"{told} these are not among the chosen images")


def test_captions_without_boxes_and_a_source_without_any_box_are_never_background(
    tmp_path: Path,
) -> None:
    index = index_of(tmp_path, record(0, [], "a cat"), record(1, []))
    assert index.empty.tolist() == [False, True]
    with pytest.raises(UserError, match="no image with a box"):
        Selection(keep_empty=True).for_training(index, "the source")


def test_evaluation_uses_pictures_without_boxes_too(tmp_path: Path) -> None:
    index = index_of(tmp_path, record(0, []), record(1, [BOX]))
    assert Selection().for_evaluation(index, "the source").rows.tolist() == [0, 1]


def test_evaluation_leaves_out_captions_without_phrases(tmp_path: Path) -> None:
    index = index_of(tmp_path, record(0, [], ""), record(1, [], "a dog"), record(2, [BOX], "a cat"))
    assert Selection().for_evaluation(index, "the source").rows.tolist() == [1, 2]


def test_a_limit_counts_the_records_that_are_left(tmp_path: Path) -> None:
    index = index_of(tmp_path, record(0, []), record(1, [BOX]), record(2, [BOX]))
    assert Selection(limit=1).for_training(index, "the source").rows.tolist() == [1]
    assert Selection(limit=1).for_evaluation(index, "the source").rows.tolist() == [0]


def test_few_shots_are_drawn_before_the_limit(tmp_path: Path) -> None:
    index = index_of(tmp_path, *(record(number, [BOX]) for number in range(4)))
    selection = Selection(few_shot=FewShot(2), limit=3)
    assert selection.for_training(index, "the source").rows.tolist() == [0, 1]


def test_a_filter_chooses_records_and_boxes(tmp_path: Path) -> None:
    index = index_of(tmp_path, record(0, [BOX, BOX, BOX], "a"), record(1, [BOX], "a"))
    # Scores are 0.9, 0.65, 0.4 in the first record, and 0.9 in the second.
    selected = Selection(box_filter=BoxFilter(0.5, min_boxes=2)).for_training(index, "the source")
    assert selected.rows.tolist() == [0]
    boxes, targets, scores = selected.annotations(0)
    assert (len(boxes), targets.tolist()) == (2, [0, 0])
    assert scores.tolist() == pytest.approx([0.9, 0.65])


def test_a_source_without_usable_records_is_named(tmp_path: Path) -> None:
    (tmp_path / "boxes").mkdir()
    index = index_of(tmp_path / "boxes", record(0, [BOX], "a"))
    with pytest.raises(UserError, match="the source has no image with a box"):
        Selection(box_filter=BoxFilter(0.95)).for_training(index, "the source")
    (tmp_path / "captions").mkdir()
    index = index_of(tmp_path / "captions", record(0, [], ""))
    with pytest.raises(UserError, match="the source has no image to evaluate on"):
        Selection().for_evaluation(index, "the source")


def test_the_first_pictures_of_an_evaluation_may_be_left_out(tmp_path: Path) -> None:
    index = index_of(tmp_path, *(record(number, [BOX]) for number in range(5)))
    selected = Selection(limit=2, skip=2).for_evaluation(index, "the source")
    assert selected.rows.tolist() == [2, 3]
    assert Selection(skip=4).for_evaluation(index, "the source").rows.tolist() == [4]
    with pytest.raises(UserError, match="has 5 images, and skip=5 leaves none"):
        Selection(skip=5).for_evaluation(index, "the source")


def test_processes_of_a_machine_share_the_rows_of_a_large_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(shared_array, "LONG", 3)
    (tmp_path / "index").mkdir()
    records = [record(0, [BOX]), record(1, []), record(2, [BOX])]
    index = index_of(tmp_path / "index", *records)
    for selection, rows in (
        (Selection(), [0, 2]),
        (Selection(limit=1), [0]),
        (Selection(keep_empty=True), [0, 1, 2]),
    ):
        found = [selection.for_training(index, "it").rows for _ in range(2)]
        assert all(isinstance(one, np.memmap) and one.tolist() == rows for one in found)
    own = Selection(box_filter=BoxFilter(0.1)).for_training(index, "it").rows
    assert not isinstance(own, np.memmap)
    other = index_of(tmp_path / "index", *records[1:], *records[:1])  # in the same folder
    assert Selection().for_training(other, "it").rows.tolist() == [1, 2]
