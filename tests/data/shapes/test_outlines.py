from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from glip_pl.data.shapes.outlines import POLYGONS, RANDOM, outline_of
from glip_pl.data.shapes.vocabulary import NOVEL, SHAPES


def covered(name: str) -> NDArray[np.bool_]:
    """The pixels that an outline covers, as large as a square of 64 allows."""
    points = outline_of(name)
    middle, size = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0).max()
    picture = Image.new("L", (64, 64))
    corners = (points - middle) / size * 60 + 32
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in corners], fill=1)
    return np.asarray(picture) > 0


def test_every_outline_lies_in_the_unit_square_and_has_an_area() -> None:
    for name in (*RANDOM, *POLYGONS):
        assert np.abs(outline_of(name)).max() <= 1.05, name
        assert covered(name).mean() > 0.08, name
    assert len(set(RANDOM)) == 40


def test_novel_outlines_are_like_none_that_is_trained_on() -> None:
    assert set(NOVEL.values()) == set(POLYGONS)
    assert not set(NOVEL) & {*RANDOM, *SHAPES}
    for novel, random in product(POLYGONS, RANDOM):
        one, other = covered(novel), covered(random)
        assert (one & other).sum() < 0.7 * (one | other).sum(), (novel, random)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no shape 'blob'"):
        outline_of("blob")
