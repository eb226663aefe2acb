"""Pictures are decoded and batched for the teacher, on a GPU ahead of the model."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.picture_size import Exif
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.preparation import (
    CaptionedPicture,
    PreparedBatch,
    add_model_input,
    load_pictures,
    prepared_ahead,
)
from glip_pl.types import Prompt
from tests.inspection.pictures import HALF_TURN, ORIENTATION
from tests.labelling.small_jobs import captions

STAR = Prompt("a star", (((2, 6),),))
SIZE = (96, 96)
LEFT_STAR = Prompt("a star on the left", (((2, 6),),))


def test_unreadable_pictures_are_left_out(world: Path) -> None:
    images = ImageFolder.at(world / "images/captions")
    names = [captions(world)[0][0], "gone.png", captions(world)[1][0]]
    captioned = [CaptionedPicture(row, name, SIZE, STAR) for row, name in enumerate(names)]
    messages: list[str] = []
    prepared = load_pictures(images, captioned, messages, "upright")
    assert [record.row for record in prepared.captioned] == [0, 2]
    assert [picture.image.size for picture in prepared.pictures] == [(96, 96)] * 2
    assert len(messages) == 1 and "gone.png" in messages[0]


@pytest.mark.parametrize(("exif", "place"), [("upright", (3, 5)), ("stored", (36, 24))])
def test_photographs_are_shown_as_training_uses_them(
    exif: Exif, place: tuple[int, int], tmp_path: Path
) -> None:
    shown = Image.new("RGB", (40, 30))
    shown.putpixel((3, 5), (255, 0, 0))
    written = Image.Exif()
    written[ORIENTATION] = HALF_TURN
    shown.rotate(180).save(tmp_path / "a.png", exif=written)
    captioned = [CaptionedPicture(0, "a.png", (60, 80), STAR)]  # annotated at twice the size
    (picture,) = load_pictures(ImageFolder.at(tmp_path), captioned, [], exif).pictures
    assert picture.image.getpixel(place) == (255, 0, 0)
    assert picture.frame == (60, 80)


def test_pictures_are_mirrored_unless_their_caption_names_a_side(
    world: Path, finding: Path
) -> None:
    teacher = Predictor.load(finding)
    images = ImageFolder.at(world / "images/captions")
    name = captions(world)[0][0]
    captioned = [CaptionedPicture(0, name, SIZE, LEFT_STAR), CaptionedPicture(1, name, SIZE, STAR)]
    prepared = load_pictures(images, captioned, [], "upright")
    add_model_input(prepared, teacher, mirror=True)
    assert prepared.mirrored_positions == [1]
    assert prepared.batch is not None and prepared.mirrored_batch is not None
    assert prepared.mirrored_batch.prompts == [STAR]
    upright, mirrored = prepared.batch.images[1], prepared.mirrored_batch.images[0]
    assert bool((mirrored.flip(-1) == upright).all()) and not bool((mirrored == upright).all())
    without = load_pictures(images, captioned, [], "upright")
    add_model_input(without, teacher, mirror=False)
    assert without.batch is not None and without.mirrored_batch is None
    empty = PreparedBatch([], [])
    add_model_input(empty, teacher, mirror=True)
    assert empty.batch is None and empty.mirrored_batch is None


@pytest.mark.parametrize("on_gpu", [False, True])
def test_batches_come_in_their_order(on_gpu: bool) -> None:
    batches = [[CaptionedPicture(row, "", SIZE, STAR)] for row in range(4)]
    threads: set[int] = set()
    prepared_rows: list[int] = []

    def prepare(captioned: Sequence[CaptionedPicture]) -> PreparedBatch:
        threads.add(threading.get_ident())
        prepared_rows.append(captioned[0].row)
        return PreparedBatch(list(captioned), [])

    ahead = prepared_ahead(prepare, batches, on_gpu)
    assert [prepared.captioned[0].row for prepared in ahead] == [0, 1, 2, 3] == prepared_rows
    assert (threads == {threading.get_ident()}) != on_gpu
    assert list(prepared_ahead(prepare, [], on_gpu)) == []
