"""Every kind of mistake in a source is reported, and sound sources pass."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data.records import Reader
from glip_pl.inspection.check import CROWDED, Finding, check
from glip_pl.inspection.named_set import NamedSet
from glip_pl.inspection.picture_check import TURNED_KINDS, Pictures
from glip_pl.prompts.tokens import Tokenizer
from tests.data.formats.test_round_trip import by_name
from tests.data.formats.writers import DETECTION, GROUNDING, Writer, coco, mdetr, scenes
from tests.inspection.pictures import half_turned

SCENES = scenes(8)


@pytest.fixture
def checked(tokenizer: Tokenizer) -> Callable[..., Finding]:
    """Checks a source as the set val/it."""

    def run(reader: Reader, pictures: Pictures = "exist", **options: Any) -> Finding:
        return check(NamedSet("val/it", reader, **options), tokenizer, pictures, 100)

    return run


@pytest.mark.parametrize("write", DETECTION + GROUNDING, ids=by_name)
def test_sound_data_pass_in_every_format(
    write: Writer, tmp_path: Path, checked: Callable[..., Finding]
) -> None:
    finding = checked(write(tmp_path, SCENES), pictures="decode")
    assert finding.passed, finding.problems
    assert finding.images == len(SCENES)
    assert finding.boxes == sum(len(scene.boxes) for scene in SCENES)
    if write in DETECTION:
        assert finding.ground_truth_ap == pytest.approx(1.0)


def change(reader: Reader, edit: Callable[[dict[str, Any]], object]) -> Reader:
    """The same source after a change to its annotation file."""
    content = json.loads(reader.files[0].read_text())
    edit(content)
    reader.files[0].write_text(json.dumps(content))
    return reader


MISTAKES: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("box outside its image", lambda c: c["annotations"][0].update(bbox=[0, 0, 900, 5])),
    ("box without area", lambda c: c["annotations"][0].update(bbox=[5, 5, 0, 5])),
    ("box without area", lambda c: c["annotations"][0].update(bbox=[5, 5, -3, 5])),
    ("malformed box", lambda c: c["annotations"][0].update(bbox=["wide", 1, 2, 3])),
    ("unknown category", lambda c: c["annotations"][0].update(category_id=99)),
    ("annotation without an image", lambda c: c["annotations"][0].update(image_id=10**6)),
    ("repeated image id", lambda c: c["images"].append(c["images"][0])),
    ("repeated annotation id", lambda c: c["annotations"][0].update(id=c["annotations"][1]["id"])),
    ("entry without a field", lambda c: c["images"][2].pop("height")),
    ("missing or broken picture", lambda c: c["images"][2].update(file_name="gone.png")),
    ("missing or broken picture", lambda c: c["images"][2].update(file_name="../coco.json")),
    ("name longer than a prompt", lambda c: c["categories"][0].update(name="very " * 300)),
    ("unreadable source", lambda c: c.update(categories=[])),
    ("unreadable source", lambda c: c.update(images=[])),
    ("empty set", lambda c: c.update(annotations=[])),
]


@pytest.mark.parametrize(("kind", "edit"), MISTAKES, ids=[str(i) for i in range(len(MISTAKES))])
def test_every_mistake_is_reported(
    kind: str,
    edit: Callable[[dict[str, Any]], object],
    tmp_path: Path,
    checked: Callable[..., Finding],
) -> None:
    finding = checked(change(coco(tmp_path, SCENES), edit))
    assert kind in finding.problems.counts
    assert not finding.passed


@pytest.mark.parametrize(
    ("kind", "spans", "caption"),
    [
        ("span outside its caption", [[0, 5000]], None),
        ("span outside its caption", [[9, 4]], None),
        ("malformed spans", [["a", 3]], None),
        ("phrase that the model does not read", [[2000, 2004]], "word " * 500),
        ("caption too long", [[0, 3]], "word " * 5000),
    ],
)
def test_mistakes_in_captions_are_reported(
    kind: str,
    spans: list[Any],
    caption: str | None,
    tmp_path: Path,
    checked: Callable[..., Finding],
) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["annotations"][0]["tokens_positive"] = spans
        if caption is not None:
            content["images"][content["annotations"][0]["image_id"]]["caption"] = caption

    finding = checked(change(mdetr(tmp_path, SCENES), edit))
    assert kind in finding.problems.counts
    assert not finding.passed


def test_a_picture_of_another_size_is_reported(
    tmp_path: Path, checked: Callable[..., Finding]
) -> None:
    reader = change(coco(tmp_path, SCENES), lambda c: c["images"][0].update(width=99))
    assert checked(reader, pictures="skip").passed
    finding = checked(reader)
    assert not finding.passed
    assert finding.problems.counts == {"picture of another size": 1}


def test_a_photograph_that_is_stored_turned_is_no_mistake(
    tmp_path: Path, checked: Callable[..., Finding]
) -> None:
    finding = checked(half_turned(tmp_path))
    assert finding.passed
    assert finding.problems.counts == {TURNED_KINDS[0]: 1}


def test_a_share_of_mistakes_that_the_set_tolerates_passes(
    tmp_path: Path, checked: Callable[..., Finding]
) -> None:
    reader = change(
        coco(tmp_path, SCENES), lambda c: c["annotations"][0].update(bbox=[0, 0, 900, 5])
    )
    assert not checked(reader, tolerate=0.01).passed
    assert checked(reader, tolerate=0.2).passed
    clipped = checked(reader, out_of_image="clip")
    assert clipped.passed and clipped.problems.counts == {"box cut at the border": 1}


def test_more_than_a_hundred_boxes_of_a_category_do_not_fail_the_check(
    tmp_path: Path, checked: Callable[..., Finding]
) -> None:
    def crowd(content: dict[str, Any]) -> None:
        box = {"image_id": 7, "category_id": 5, "iscrowd": 0}
        for number in range(120):
            bbox = [number % 12 * 4, number // 12 * 3, 3, 2]
            content["annotations"].append(box | {"id": 1000 + number, "bbox": bbox})

    finding = checked(change(coco(tmp_path, SCENES), crowd))
    assert finding.ground_truth_ap is not None and finding.ground_truth_ap < 1
    assert CROWDED in finding.problems.counts
    assert finding.passed
