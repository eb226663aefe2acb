import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.data.formats.coco_tables import (
    corners_of,
    group_by_image,
    int64,
    is_crowd,
    read_annotations,
    read_images,
)
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError

IMAGE: dict[str, Any] = {"id": 7, "file_name": "a/b/c.jpg", "height": "40", "width": 60}
BOX: dict[str, Any] = {"id": 1, "image_id": 7, "bbox": ["1", 2.5, 3, 4]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "coco.json"


def write(file: Path, *annotations: dict[str, Any], images: list[dict[str, Any]]) -> Path:
    file.write_text(json.dumps({"images": images, "annotations": annotations}))
    return file


def test_images_have_whole_names_or_the_last_components(file: Path) -> None:
    url = {"id": 8, "coco_url": "http://host/deep/train2017/d.jpg", "height": 1, "width": 2}
    write(file, images=[IMAGE, url])
    images = read_images(file, Problems())
    assert images.ids == [7, 8]
    assert images.row_of == {7: 0, 8: 1}
    assert images.names == ["a/b/c.jpg", "train2017/d.jpg"]
    assert images.sizes == [(40, 60), (1, 2)]
    assert read_images(file, Problems(), 2).names == ["b/c.jpg", "train2017/d.jpg"]


def test_bad_images_are_reported_and_left_out(file: Path) -> None:
    nameless = {key: IMAGE[key] for key in ("id", "height", "width")}
    write(file, images=[IMAGE, IMAGE, nameless, IMAGE | {"id": None}, IMAGE | {"id": 9}])
    problems = Problems(tolerate=1.0)
    assert read_images(file, problems).ids == [7, 9]
    assert problems.counts == {
        "repeated image id": 1, "entry without a field": 1, "malformed entry": 1
    }  # fmt: skip


def test_a_file_without_images_is_not_of_this_form(file: Path) -> None:
    write(file, images=[])
    with pytest.raises(UserError, match="it has no list `images`"):
        read_images(file, Problems())


def test_annotations_point_to_rows_of_images(file: Path) -> None:
    write(file, BOX, BOX | {"id": 2, "iscrowd": 1}, images=[IMAGE | {"id": 6}, IMAGE])
    images = read_images(file, Problems())
    problems = Problems()
    (annotation,) = read_annotations(file, images, problems)
    assert annotation == (0, 1, [1.0, 2.5, 3.0, 4.0], BOX)
    assert problems.counts == {"crowd left out": 1}
    assert problems.errors == 0
    assert len(list(read_annotations(file, images, Problems(), crowds=True))) == 2


def test_bad_annotations_are_reported_and_left_out(file: Path) -> None:
    bad = [BOX | {"bbox": [1, 2, 3]}, BOX | {"image_id": 5}, {"id": 4, "image_id": 7}]
    write(file, *bad, BOX, images=[IMAGE])
    images, problems = read_images(file, Problems()), Problems(tolerate=1.0)
    assert [annotation.number for annotation in read_annotations(file, images, problems)] == [3]
    assert problems.counts == {
        "malformed box": 1, "annotation without an image": 1, "entry without a field": 1
    }  # fmt: skip
    with pytest.raises(UserError, match=r"annotation 1 has the box \[1, 2, 3\], which is not a li"):
        list(read_annotations(file, images, Problems()))


@pytest.mark.parametrize(
    ("value", "crowd"), [(0, False), ("0", False), (None, False), (1, True), ("1", True)]
)
def test_crowds_are_marked_by_numbers_or_texts(value: Any, crowd: bool) -> None:
    assert is_crowd({"iscrowd": value}) == crowd
    assert not is_crowd({})


@pytest.mark.parametrize(
    "ids",
    [
        ["a3f-1", "a3f-2"],
        ["0000001_02999_d_0000005", "12_34"],  # Python reads the second as 1234
        ["0999", "1000"],
        ["007", "7"],
    ],
)
def test_images_whose_ids_are_texts_are_counted_in_the_order_of_the_file(
    ids: list[str], file: Path
) -> None:
    boxes = [BOX | {"id": number, "image_id": text} for number, text in enumerate(reversed(ids))]
    write(file, *boxes, images=[IMAGE | {"id": text} for text in ids])
    images = read_images(file, Problems())
    assert (images.ids, images.text_ids) == ([1, 2], ids)
    rows = [annotation.image_row for annotation in read_annotations(file, images, Problems())]
    assert rows == [1, 0]


def test_image_ids_may_be_written_in_several_ways(file: Path) -> None:
    write(file, BOX | {"image_id": 7.0}, BOX | {"image_id": "7"}, images=[IMAGE | {"id": "7"}])
    images = read_images(file, Problems())
    assert (images.ids, images.text_ids) == ([7], None)
    assert len(list(read_annotations(file, images, Problems()))) == 2


def test_repeated_mixed_and_impossible_image_ids_are_told(file: Path) -> None:
    write(file, images=[IMAGE | {"id": "x"}, IMAGE | {"id": "x"}])
    with pytest.raises(UserError, match="the image id x occurs twice in `images`"):
        read_images(file, Problems())
    write(file, images=[IMAGE | {"id": 7}, IMAGE | {"id": "x"}])
    problems = Problems()
    assert read_images(file, problems).ids == [1, 2]
    [[message]] = problems.examples.values()
    assert "has numbers and texts as image ids, such as 7 and 'x'" in message
    for value in (None, True, 1.5, ""):
        write(file, images=[IMAGE | {"id": value}])
        with pytest.raises(UserError, match="entry 0 of `images` is malformed: the image id"):
            read_images(file, Problems())
    write(file, BOX | {"image_id": "y"}, images=[IMAGE])
    with pytest.raises(UserError, match="belongs to image 'y', which is not in `images`"):
        list(read_annotations(file, read_images(file, Problems()), Problems()))


@pytest.mark.parametrize("field", ["iscrowd", "ignore"])
def test_boxes_to_ignore_are_counted_and_their_image_is_no_background(
    field: str, file: Path
) -> None:
    write(file, BOX | {field: 1}, images=[IMAGE])
    images, problems = read_images(file, Problems()), Problems()
    assert list(read_annotations(file, images, problems)) == []
    assert list(problems.counts.values()) == [1] and problems.errors == 0
    assert images.incomplete == {0}
    assert len(list(read_annotations(file, images, Problems(), crowds=True))) == 1


def test_ids_have_64_bits() -> None:
    assert int64("12") == int64(12.0) == 12
    with pytest.raises(OverflowError, match="too large"):
        int64(2**63)


def test_annotations_are_grouped_by_image_in_their_order() -> None:
    order, offsets = group_by_image(np.asarray([2, 0, 2, 0]), image_count=4)
    assert order.tolist() == [1, 3, 0, 2]
    assert offsets == [0, 2, 2, 4, 4]


def test_the_second_corner_lies_outside() -> None:
    assert corners_of(np.asarray([[1.0, 2, 3, 4]])).tolist() == [[1, 2, 4, 6]]


@pytest.mark.parametrize("width", [None, "wide", [9]])
def test_a_size_that_is_no_number_is_shown(width: Any, file: Path) -> None:
    write(file, images=[IMAGE | {"width": width}])
    problems = Problems()
    said = re.escape(f"malformed: it has height='40' and width={width!r}")
    with pytest.raises(UserError, match=said):
        read_images(file, problems)
