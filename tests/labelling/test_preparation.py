"""Pictures are decoded and batched for the teacher, on a GPU ahead of the model."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from glip_pl.data.images import ImageFolder
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.preparation import (
    CaptionedPicture,
    PreparedBatch,
    add_model_input,
    load_pictures,
    prepared_ahead,
)
from glip_pl.types import Prompt
from tests.conftest import MINILM
from tests.labelling.small_jobs import captions

STAR = Prompt("a star", (((2, 6),),))
LEFT_STAR = Prompt("a star on the left", (((2, 6),),))


def test_unreadable_pictures_are_left_out(world: Path) -> None:
    images = ImageFolder.at(world / "images/captions")
    names = [captions(world)[0][0], "gone.png", captions(world)[1][0]]
    captioned = [CaptionedPicture(row, name, STAR) for row, name in enumerate(names)]
    messages: list[str] = []
    prepared = load_pictures(images, captioned, messages)
    assert [record.row for record in prepared.captioned] == [0, 2]
    assert [picture.size for picture in prepared.pictures] == [(96, 96)] * 2
    assert len(messages) == 1 and "gone.png" in messages[0]


def test_pictures_are_mirrored_unless_their_caption_names_a_side(
    world: Path, finding: Path
) -> None:
    teacher = Predictor.load(finding, tokenizer=MINILM)
    images = ImageFolder.at(world / "images/captions")
    name = captions(world)[0][0]
    captioned = [CaptionedPicture(0, name, LEFT_STAR), CaptionedPicture(1, name, STAR)]
    prepared = load_pictures(images, captioned, [])
    add_model_input(prepared, teacher, mirror=True)
    assert prepared.mirrored_positions == [1]
    assert prepared.batch is not None and prepared.mirrored_batch is not None
    assert prepared.mirrored_batch.prompts == [STAR]
    upright, mirrored = prepared.batch.images[1], prepared.mirrored_batch.images[0]
    assert bool((mirrored.flip(-1) == upright).all()) and not bool((mirrored == upright).all())
    without = load_pictures(images, captioned, [])
    add_model_input(without, teacher, mirror=False)
    assert without.batch is not None and without.mirrored_batch is None
    empty = PreparedBatch([], [])
    add_model_input(empty, teacher, mirror=True)
    assert empty.batch is None and empty.mirrored_batch is None


@pytest.mark.parametrize("on_gpu", [False, True])
def test_batches_come_in_their_order(on_gpu: bool) -> None:
    batches = [[CaptionedPicture(row, "", STAR)] for row in range(4)]
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
