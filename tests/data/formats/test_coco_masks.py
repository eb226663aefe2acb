"""Boxes around masks agree with the library that defines them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as runs

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.coco_masks import box_of_mask
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError

SIZE = (20, 30)
MASK = np.zeros(SIZE, dtype=np.uint8, order="F")
MASK[4:11, 7:25] = 1
BOX = [7, 4, 18, 7]
PACKED = runs.encode(MASK)["counts"].decode()
LENGTHS = [7 * 20 + 4, *[7, 13] * 17, 7, 5 * 20 + 9]
POLYGONS = [[7, 4, 25, 4, 16, 11], [8, 5, 9, 5, 9, 6]]


def rle(counts: Any, size: Any = SIZE) -> dict[str, Any]:
    return {"size": list(size), "counts": counts}


@pytest.mark.parametrize("mask", [rle(PACKED), rle(LENGTHS), POLYGONS, POLYGONS[0]])
def test_every_form_of_a_mask_has_its_box(mask: Any) -> None:
    assert box_of_mask(mask, SIZE) == BOX


@pytest.mark.parametrize(
    "mask",
    [
        *(None, [], {}, 7, "text", [[1, 2, 3]], [[1, 2, 3, 4]], [["a", "b", "c", "d", "e", "f"]]),
        *(rle(PACKED, (20, 31)), rle(PACKED, (0, 0)), rle(PACKED, "ab"), {"counts": PACKED}),
        *(rle("P"), rle(PACKED + "P"), rle(PACKED + "\x00"), rle("PPPPPPPPPPPPPP0"), rle("")),
        *(rle([]), rle([-1, 601]), rle([700]), rle([2**40]), rle(["x"]), rle(None)),
    ],
)
def test_what_is_no_mask_has_no_box_and_never_reaches_the_library(mask: Any) -> None:
    assert box_of_mask(mask, SIZE) is None


def coco(folder: Path, annotation: dict[str, Any]) -> CocoJson:
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 1, **annotation}],
    }
    (folder / "a.json").write_text(json.dumps(content))
    return CocoJson(folder / "a.json", folder)


@pytest.mark.parametrize("bbox", [{}, {"bbox": None}, {"bbox": []}, {"bbox": [0, 0, 0, 0]}])
def test_an_annotation_without_a_box_has_that_of_its_mask(
    tmp_path: Path, bbox: dict[str, Any]
) -> None:
    reader = coco(tmp_path, {"segmentation": rle(PACKED), **bbox})
    (record,) = reader.read(Problems()).records
    assert record.boxes.tolist() == [[7, 4, 25, 11]]
    assert reader.truth().boxes.tolist() == [BOX]


def test_a_given_box_counts_more_than_the_mask(tmp_path: Path) -> None:
    reader = coco(tmp_path, {"segmentation": rle(PACKED), "bbox": [1, 2, 3, 4]})
    (record,) = reader.read(Problems()).records
    assert record.boxes.tolist() == [[1, 2, 4, 6]]


def test_a_mask_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    reader = coco(tmp_path, {"segmentation": rle("P")})
    with pytest.raises(UserError, match="annotation 5 has no `bbox`, and its `segmentation` gives"):
        reader.read(Problems())
