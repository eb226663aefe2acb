"""Heat maps of hand-made scores."""

import numpy as np
import torch
from PIL import Image

from glip_pl.inference.heat_maps import cell_side, heat_maps, map_title, overlay
from tests.inference.test_decoding import output

LEVELS = (0, 64, 80, 84, 85)
"""The first anchor of each level of the output of 64 x 64 pixels."""


def test_each_cell_has_the_best_score_of_all_levels() -> None:
    out = output(words=1)
    scores = torch.zeros(86, 2)
    scores[9, 0] = 0.5  # finest level: second row, second column
    scores[LEVELS[1] + 6, 0] = 0.4  # second row, third column of cells with 16 pixels
    scores[LEVELS[2] + 1, 1] = 0.3  # the upper right quarter
    scores[LEVELS[3], 1] = 0.1  # everywhere
    maps = heat_maps(scores, out, (64, 64))
    expected = torch.zeros(2, 8, 8)
    expected[0, 1, 1] = 0.5
    expected[0, 2:4, 4:6] = 0.4
    expected[1] = 0.1
    expected[1, :4, 4:] = 0.3
    assert maps.equal(expected)
    assert cell_side(out) == 8


def test_padding_has_no_cells() -> None:
    maps = heat_maps(torch.rand(86, 3), output(words=1), (64, 41))
    assert maps.shape == (3, 8, 6)


def test_the_colour_lies_where_the_score_is() -> None:
    grey = Image.new("RGB", (500, 500), (120, 120, 120))
    scores = torch.zeros(8, 8)
    scores[6, 1] = 0.8
    picture = np.asarray(overlay(grey, scores, (8, 8))).astype(int)
    colourful = picture.max(2) - picture.min(2)
    row, column = np.unravel_index(colourful.argmax(), colourful.shape)
    assert 375 <= row < 437 and 62 <= column < 125  # the cell's pixels
    assert not colourful[:250].any()
    assert map_title("red", scores) == "red, up to 0.80"


def test_a_map_that_reaches_beyond_the_picture_is_not_squeezed_into_it() -> None:
    grey = Image.new("RGB", (500, 500), (120, 120, 120))
    scores = torch.zeros(8, 6)
    scores[:, 2] = 0.8  # pixels 16 to 24 of 41
    picture = np.asarray(overlay(grey, scores, (8, 41 / 8))).astype(int)
    columns = np.flatnonzero((picture.max(2) - picture.min(2))[250] > 60)
    assert abs(columns.mean() - 500 * 20 / 41) < 10
