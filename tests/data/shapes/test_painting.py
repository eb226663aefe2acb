import math

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.shapes.painting import Thing, background, mask, outline, paint
from glip_pl.data.shapes.vocabulary import COLOURS, SHAPES, TEXTURES


def test_a_center_is_in_the_middle_of_the_box() -> None:
    assert Thing("star", "red", "plain", "small", (10, 20, 4, 8)).center == (12, 24)


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_are_cropped_to_the_shape(shape: str) -> None:
    coverage = np.asarray(mask(shape, 20, 0.2)) > 100
    assert coverage[[0, -1]].any(1).all()
    assert coverage[:, [0, -1]].any(0).all()
    assert max(coverage.shape) <= 43  # twice the radius, and rounding
    assert np.abs(outline(shape)).max() < 1.1


def test_a_square_covers_its_area_and_a_ring_has_a_hole() -> None:
    # The sides of a square are 1.6 times the radius.
    assert (np.asarray(mask("square", 20, 0.0)) > 127).sum() == pytest.approx(32**2, rel=0.05)
    ring = np.asarray(mask("ring", 20, 0.0)) > 127
    assert not ring[tuple(side // 2 for side in ring.shape)]
    assert ring.sum() == pytest.approx(math.pi * (20**2 - 10**2), rel=0.05)


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="no shape 'blob'"):
        outline("blob")


def test_backgrounds_are_grey_and_differ() -> None:
    random = np.random.default_rng(0)
    first, second = (np.asarray(background(32, random), dtype=int) for _ in range(2))
    assert first.shape == (32, 32, 3)
    assert (np.ptp(first, axis=2) < 60).all()  # far from any colour of a shape
    assert (first != second).any()


@pytest.mark.parametrize("texture", TEXTURES)
def test_textures_have_one_colour_or_two(texture: str) -> None:
    picture = Image.new("RGB", (40, 40))
    paint(picture, Image.new("L", (20, 20), 255), (5, 10), "red", texture, np.random.default_rng(0))
    pixels = np.asarray(picture)
    inside = pixels[10:30, 5:25].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) == (1 if texture == "plain" else 2)
    assert np.abs(inside.max(0) - np.asarray(COLOURS["red"])).max() <= 14 + 57  # lighter marks
    outside = pixels.copy()
    outside[10:30, 5:25] = 0
    assert not outside.any()
