"""A result in every form in which people take it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from glip_pl.inference.image_input import ImageSource
from glip_pl.inference.result import Result
from glip_pl.types import Prompt

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
BOXES = torch.tensor([[10.0, 5.0, 40.0, 25.0], [70.25, 50.0, 80.0, 60.0]])


@pytest.fixture
def result() -> Result:
    """Two boxes in a picture of 80 x 60 pixels."""
    source = ImageSource("photo.jpg", Path("photo.jpg"), Image.fromarray(PIXELS))
    prompt = Prompt("cat. dog", (((0, 3),), ((5, 8),)))
    scores, labels = torch.tensor([0.75, 0.5]), torch.tensor([1, 0])
    return Result(source, (60, 80), BOXES, scores, labels, ("cat", "dog"), prompt)


def test_boxes_have_names_and_a_short_text(result: Result) -> None:
    assert len(result) == 2 and result.names == ["dog", "cat"]
    assert result.path == Path("photo.jpg")
    assert repr(result) == "Result(photo.jpg: {'dog': 1, 'cat': 1})"


def test_the_drawing_shows_the_boxes(result: Result) -> None:
    grey = ImageSource("grey", None, Image.new("RGB", (80, 60), "grey"))
    drawn = np.asarray(replace(result, source=grey).draw())
    assert drawn.shape == (360, 480, 3)  # six times as large, so that labels stay legible
    changed = (drawn != 128).any(2)
    assert changed[30:150, 60].all()  # the left side of the first box
    assert not changed[180:270, 270:390].any()


def test_crops_hold_every_pixel_that_a_box_touches(result: Result) -> None:
    first, second = result.crop()
    assert np.array_equal(np.asarray(first), PIXELS[5:25, 10:40])
    assert np.array_equal(np.asarray(second), PIXELS[50:60, 70:80])


def test_the_dictionary_is_json(result: Result) -> None:
    content = json.loads(json.dumps(result.to_dict()))
    assert (content["file"], content["height"], content["width"]) == ("photo.jpg", 60, 80)
    assert content["boxes"][0] == {"name": "dog", "label": 1, "score": 0.75, "box": [10, 5, 40, 25]}


def test_coco_has_widths_and_heights(result: Result) -> None:
    assert result.to_coco(7) == [
        {"image_id": 7, "category_id": 1, "bbox": [10, 5, 30, 20], "score": 0.75},
        {"image_id": 7, "category_id": 0, "bbox": [70.25, 50, 9.75, 10], "score": 0.5},
    ]


def test_a_table_has_a_row_for_each_box(result: Result) -> None:
    table = result.to_pandas()
    assert list(table.columns) == ["name", "label", "score", "x1", "y1", "x2", "y2"]
    assert table.loc[1].tolist() == ["cat", 0, 0.5, 70.25, 50, 80, 60]


def test_supervision_gets_boxes_scores_and_names(result: Result) -> None:
    found = result.to_supervision()
    assert np.array_equal(found.xyxy, BOXES.numpy())
    assert found["class_name"].tolist() == ["dog", "cat"]
    assert found.confidence.tolist() == [0.75, 0.5] and found.class_id.tolist() == [1, 0]
    assert len(found[found.confidence > 0.6]) == 1


def test_writers_get_the_boxes_in_double_precision(result: Result) -> None:
    image = result.annotated()
    assert image.path == Path("photo.jpg") and image.size == (60, 80)
    assert image.boxes.dtype == np.float64 and np.array_equal(image.boxes, BOXES.numpy())
    assert image.labels.tolist() == [1, 0]
