import numpy as np
import torch
from PIL import Image

from glip_pl.inference.drawing import colour_of, draw, side_by_side


def test_a_box_is_drawn_in_its_phrases_colour() -> None:
    image = Image.new("RGB", (500, 500), "black")
    picture = np.asarray(draw(image, torch.tensor([[100.0, 200, 300, 400]]), ["a cat"]))
    assert tuple(picture[300, 100]) == colour_of("a cat")
    assert tuple(picture[300, 300]) == colour_of("a cat")
    assert not picture[250:390, 150:250].any()


def test_small_pictures_are_enlarged_and_labels_stay_inside() -> None:
    image = Image.new("RGB", (100, 60), "black")
    boxes = torch.tensor([[0.0, 0, 99, 59], [95, 55, 99, 59]])
    picture = draw(image, boxes, ["long name of a thing", "x"], torch.tensor([0.9, 0.5]))
    assert picture.size == (500, 300)
    sheet = side_by_side(picture, picture, ("truth", "detections"), "word " * 200)
    assert sheet.width == 1006


def test_equal_phrases_have_equal_colours() -> None:
    assert colour_of("a cat") == colour_of("a cat")
    assert len({colour_of(name) for name in ("a", "b", "c", "d")}) == 4


def test_labels_of_equal_boxes_stand_below_each_other() -> None:
    image = Image.new("RGB", (500, 500), "black")
    boxes = torch.tensor([[100.0, 200, 300, 400]] * 3)
    names = ["a cat", "a dog", "a red fox"]
    picture = np.asarray(draw(image, boxes, names, torch.tensor([0.9, 0.5, 0.7])))
    rows = [
        np.flatnonzero((picture[:, 102:104] == colour_of(name)).all(2).any(1)) for name in names
    ]
    assert all(len(visible) > 8 for visible in rows)  # no label is hidden by another
    assert rows[0].min() < rows[2].min() < rows[1].min()  # the best label is nearest to its box
