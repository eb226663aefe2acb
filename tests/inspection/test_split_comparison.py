"""What is evaluated is compared with what is trained."""

import shutil
from pathlib import Path

import pytest

from glip_pl.inspection.mistakes import Mistake
from glip_pl.inspection.split_comparison import (
    NEVER_TRAINED,
    NO_BOX,
    SHARED,
    SPELLING,
    compare_splits,
)
from tests.data.formats.writers import mdetr, scenes
from tests.inspection.splits import compared, write_split


def between(tmp_path: Path, indexes: Path, names: list[str], labels: list[int]) -> list[Mistake]:
    """The mistakes between a training with red and blue boxes and this validation."""
    train = write_split(tmp_path, "train", ["red", "blue", "green"], [0, 1])
    val = write_split(tmp_path, "val", names, labels)
    sets = [compared("train/it", train, indexes), compared("val/it", val, indexes)]
    return compare_splits(sets, pictures=True)


@pytest.mark.parametrize(
    ("names", "labels", "kind", "severity", "said"),
    [
        (["red", "blu"], [0, 1], NEVER_TRAINED, "stops", "'blu' (there is 'blue')"),
        (["red", "cat"], [0, 0, 1], NEVER_TRAINED, "fails", "1 of 3 boxes"),
        (["Red", "blue_"], [0, 1], SPELLING, "told", "'Red' and 'red', 'blue_' and 'blue'"),
        (["red", "green"], [0, 1, 1], NO_BOX, "told", "no box of 'green' (2 boxes)"),
    ],
)
def test_names_that_training_lacks_are_noticed(
    tmp_path: Path,
    indexes: Path,
    names: list[str],
    labels: list[int],
    kind: str,
    severity: str,
    said: str,
) -> None:
    (mistake,) = between(tmp_path, indexes, names, labels)
    assert (mistake.kind, mistake.severity) == (kind, severity)
    assert said in mistake.message
    assert "train.json" in mistake.message and "val.json" in mistake.message


def test_equal_names_and_names_without_boxes_are_no_mistake(tmp_path: Path, indexes: Path) -> None:
    assert between(tmp_path, indexes, ["blue", "red", "cat"], [0, 1]) == []


def test_captions_may_teach_other_names_and_other_keys_are_other_data(
    tmp_path: Path, indexes: Path
) -> None:
    train = write_split(tmp_path, "train")
    val = compared("val/it", write_split(tmp_path, "val", ["cat"], [0]), indexes)
    (tmp_path / "captions").mkdir()
    captions = compared("train/captions", mdetr(tmp_path / "captions", scenes(3)), indexes)
    (mistake,) = compare_splits([compared("train/it", train, indexes), captions, val], False)
    assert mistake.severity == "told"
    assert compare_splits([compared("train/other", train, indexes), val], False) == []


@pytest.mark.parametrize("same_folder", [True, False])
def test_pictures_of_both_sets_are_noticed(
    tmp_path: Path, indexes: Path, same_folder: bool
) -> None:
    train, val = (write_split(tmp_path, split) for split in ("train", "val"))
    text = Path(val.annotations).read_text().replace("val.png", "train.png")
    Path(val.annotations).write_text(text)
    if same_folder:
        val = type(val)(val.annotations, train.images)
    else:
        shutil.copy(tmp_path / "train/train.png", tmp_path / "val/train.png")
    sets = [compared("train/it", train, indexes), compared("val/it", val, indexes)]
    (mistake,) = compare_splits(sets, pictures=True)
    assert (mistake.kind, mistake.severity) == (SHARED, "told")
    assert "1 of 1 pictures" in mistake.message and "train.png" in mistake.message
    assert compare_splits(sets, pictures=False) == []
    if not same_folder:  # of the same name only
        shutil.copy(tmp_path / "val/val.png", tmp_path / "val/train.png")
        assert compare_splits(sets, pictures=True) == []
