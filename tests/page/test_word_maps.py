from pathlib import Path

from PIL import ImageChops

from glip_pl.inference.predictor import Predictor
from glip_pl.page.word_maps import LONGEST_SIDE, word_maps
from tests.serving.pictures import PICTURE


def test_each_different_word_has_a_small_picture(tiny_finding: Path) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    large = PICTURE.resize((1200, 900))
    maps = word_maps(predictor.explain(large, "a red circle. a square"))
    assert len(maps) == 4  # a, red, circle, square
    assert all(drawn.width <= LONGEST_SIDE for drawn in maps)
    assert ImageChops.difference(maps[1], maps[2]).getbbox() is not None
