"""What is written down survives a kill, and only what is whole is read."""

from dataclasses import replace
from pathlib import Path

import pytest

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.labelling.journal import Journal, stamp_of
from tests.annotations.example import FOUND, NAMES

STAMP = (7, 123456789012345678)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of two pictures."""
    journal = Journal.open(tmp_path / "journal.jsonl")
    journal.name_classes(NAMES)
    journal.add(FOUND, STAMP)
    journal.add(replace(FOUND, name="b.png", boxes=FOUND.boxes / 3), STAMP)
    return journal.path


def assert_equal(image: AnnotatedImage | None, expected: AnnotatedImage) -> None:
    assert image is not None
    assert image.scores is not None
    assert expected.scores is not None
    assert (image.name, image.size) == (expected.name, expected.size)
    assert image.boxes.tolist() == expected.boxes.tolist()
    assert image.labels.tolist() == expected.labels.tolist()
    assert image.scores.tolist() == expected.scores.tolist()


def test_everything_is_read_back_to_the_last_digit(path: Path) -> None:
    journal = Journal.open(path)
    assert journal.classes == tuple(NAMES)
    assert_equal(journal.get("a/x.png", STAMP), FOUND)
    assert_equal(journal.get("b.png", STAMP), replace(FOUND, name="b.png", boxes=FOUND.boxes / 3))
    journal.name_classes(["other"])
    assert Journal.open(path).classes == tuple(NAMES)


def test_a_changed_picture_and_an_unknown_one_are_not_labelled(path: Path) -> None:
    journal = Journal.open(path)
    assert journal.get("a/x.png", (8, STAMP[1])) is None
    assert journal.get("a/x.png", (7, 0)) is None
    assert journal.get("c.png", STAMP) is None
    journal.add(FOUND, (8, 0))
    assert Journal.open(path).get("a/x.png", STAMP) is None
    assert_equal(Journal.open(path).get("a/x.png", (8, 0)), FOUND)


@pytest.mark.parametrize("cut", range(1, 200, 13))
def test_a_line_that_was_cut_off_is_skipped(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal.open(path)
    assert_equal(journal.get("a/x.png", STAMP), FOUND)
    assert (journal.get("b.png", STAMP) is None) == (cut > 1)  # the last byte ends the line
    journal.add(replace(FOUND, name="b.png"), STAMP)
    assert_equal(Journal.open(path).get("b.png", STAMP), replace(FOUND, name="b.png"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"labels": [1, 0]', '"labels": [1, 2]'),
        ('"labels": [1, 0]', '"labels": [1]'),
        ('"size": [50, 200]', '"size": 50'),
        ('"name"', '"other"'),
        ('"stamp": [7', '"stamp": ["x"'),
        ("{", "["),
    ],
)
def test_damaged_lines_are_skipped(path: Path, old: str, new: str) -> None:
    first, second, third = path.read_text().splitlines()
    assert old in second
    path.write_text("\n".join([first, second.replace(old, new), "7", "null", third]) + "\n")
    journal = Journal.open(path)
    assert list(journal.entries) == ["b.png"]


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = stamp_of(tmp_path / "a")
    assert stamp_of(tmp_path / "a") == before
    (tmp_path / "a").write_text("12")
    assert stamp_of(tmp_path / "a") != before
