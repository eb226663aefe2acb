"""Pictures pass the check if training can use them with their annotations."""

from collections.abc import Callable
from pathlib import Path

import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.picture_size import Exif
from glip_pl.data.problems import Problems
from glip_pl.data.records import Reader
from glip_pl.inspection.named_set import NamedSet
from glip_pl.inspection.picture_check import TURNED_KINDS, Pictures, check_pictures
from tests.data.formats.writers import scenes, web_shards
from tests.inspection.pictures import (
    annotated_picture,
    coco_folder,
    half_turned,
    reduced,
    squeezed,
    turned,
)


def problems_of(
    reader: Reader, pictures: Pictures, indexes: Path, exif: Exif = "upright"
) -> Problems:
    problems = Problems(tolerate=1.0)
    index = open_index(reader, indexes)
    check_pictures(NamedSet("val/it", reader, exif=exif), index, pictures, problems)
    return problems


THOROUGH: list[Pictures] = ["exist", "decode"]


@pytest.mark.parametrize("pictures", THOROUGH)
def test_a_reduced_copy_passes(pictures: Pictures, tmp_path: Path, indexes: Path) -> None:
    assert problems_of(reduced(tmp_path), pictures, indexes).counts == {}


@pytest.mark.parametrize("pictures", THOROUGH)
@pytest.mark.parametrize(
    "write, exif, kind, reason",
    [
        (turned, "upright", TURNED_KINDS[0], "the annotated size"),
        (turned, "stored", TURNED_KINDS[0], "the annotated size"),
        (half_turned, "upright", TURNED_KINDS[0], "the setting exif=upright"),
        (half_turned, "stored", TURNED_KINDS[1], "the setting exif=stored"),
    ],
)
def test_photographs_that_are_stored_turned_are_counted_with_the_rule(
    write: Callable[[Path], CocoJson],
    exif: Exif,
    kind: str,
    reason: str,
    pictures: Pictures,
    tmp_path: Path,
    indexes: Path,
) -> None:
    problems = problems_of(write(tmp_path), pictures, indexes, exif)
    assert problems.counts == {kind: 1}
    (message,) = problems.examples[kind]
    assert message.startswith("a.png: EXIF orientation")
    assert message.endswith(f"annotated as 400x300; decided by {reason}")


@pytest.mark.parametrize("pictures", THOROUGH)
def test_a_picture_of_other_proportions_is_reported(
    pictures: Pictures, tmp_path: Path, indexes: Path
) -> None:
    problems = problems_of(squeezed(tmp_path), pictures, indexes)
    assert problems.counts == {"picture of another size": 1}
    (message,) = problems.examples["picture of another size"]
    assert message.startswith("a.png has 200x300 pixels, its annotation says 400x300")


def test_broken_and_missing_pictures_are_reported(tmp_path: Path, indexes: Path) -> None:
    reader = coco_folder(tmp_path, annotated_picture())
    picture = tmp_path / "images" / "a.png"
    picture.write_bytes(picture.read_bytes()[:200])  # the header is whole
    assert problems_of(reader, "exist", indexes).counts == {}
    assert problems_of(reader, "decode", indexes).counts == {"missing or broken picture": 1}
    picture.write_bytes(b"no picture")
    assert problems_of(reader, "exist", indexes).counts == {"missing or broken picture": 1}
    picture.unlink()
    assert problems_of(reader, "exist", indexes).counts == {"missing or broken picture": 1}
    assert problems_of(reader, "skip", indexes).counts == {}


def test_pictures_in_archives_are_only_decoded(tmp_path: Path, indexes: Path) -> None:
    reader = web_shards(tmp_path, scenes(3))
    assert problems_of(reader, "exist", indexes).counts == {}
    assert problems_of(reader, "decode", indexes).counts == {}
