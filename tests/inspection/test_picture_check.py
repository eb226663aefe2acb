"""Pictures pass the check if training can use them with their annotations."""

from collections.abc import Callable
from pathlib import Path

import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.problems import Problems
from glip_pl.data.records import Reader
from glip_pl.inspection.named_set import NamedSet
from glip_pl.inspection.picture_check import Pictures, check_pictures
from tests.data.formats.writers import scenes, web_shards
from tests.inspection.pictures import annotated_picture, coco_folder, reduced, squeezed, turned


def problems_of(reader: Reader, pictures: Pictures, indexes: Path) -> Problems:
    problems = Problems(tolerate=1.0)
    index = open_index(reader, indexes)
    check_pictures(NamedSet("val/it", reader), index, pictures, problems)
    return problems


@pytest.mark.parametrize("write", [reduced, turned])
def test_pictures_that_training_accepts_pass(
    write: Callable[[Path], CocoJson], tmp_path: Path, indexes: Path
) -> None:
    assert problems_of(write(tmp_path), "decode", indexes).counts == {}


def test_a_picture_of_other_proportions_is_reported(tmp_path: Path, indexes: Path) -> None:
    reader = squeezed(tmp_path)
    assert problems_of(reader, "exist", indexes).counts == {}  # nothing is decoded
    problems = problems_of(reader, "decode", indexes)
    assert problems.counts == {"picture of another size": 1}
    (message,) = problems.examples["picture of another size"]
    assert message.startswith("a.png has 200x300 pixels, its annotation says 400x300")


def test_broken_and_missing_pictures_are_reported(tmp_path: Path, indexes: Path) -> None:
    reader = coco_folder(tmp_path, annotated_picture())
    picture = tmp_path / "images" / "a.png"
    picture.write_bytes(b"no picture")
    assert problems_of(reader, "exist", indexes).counts == {}
    assert problems_of(reader, "decode", indexes).counts == {"missing or broken picture": 1}
    picture.unlink()
    assert problems_of(reader, "exist", indexes).counts == {"missing or broken picture": 1}
    assert problems_of(reader, "skip", indexes).counts == {}


def test_pictures_in_archives_are_only_decoded(tmp_path: Path, indexes: Path) -> None:
    reader = web_shards(tmp_path, scenes(3))
    assert problems_of(reader, "exist", indexes).counts == {}
    assert problems_of(reader, "decode", indexes).counts == {}
