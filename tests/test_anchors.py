import torch

from glip_pl.anchors import level_anchors, level_shapes, pyramid_anchors
from glip_pl.boxes import centers_and_sizes

CPU = torch.device("cpu")
SHAPES = [(4, 6), (2, 3), (1, 2), (1, 1), (1, 1)]


def test_the_first_anchor_is_that_of_the_official_code() -> None:
    assert pyramid_anchors(SHAPES, CPU)[0].tolist() == [-28.0, -28.0, 35.0, 35.0]


def test_anchors_of_a_level_go_row_by_row_in_steps_of_its_stride() -> None:
    centers, sizes = centers_and_sizes(level_anchors(2, 3, 16, CPU))
    assert centers.tolist() == [
        [7.5, 7.5],
        [23.5, 7.5],
        [39.5, 7.5],
        [7.5, 23.5],
        [23.5, 23.5],
        [39.5, 23.5],
    ]
    assert sizes.eq(128).all()


def test_a_pyramid_has_an_anchor_for_each_position_from_fine_to_coarse() -> None:
    anchors = pyramid_anchors(SHAPES, CPU)
    _, sizes = centers_and_sizes(anchors)
    expected = [64] * 24 + [128] * 6 + [256] * 2 + [512] + [1024]
    assert sizes.tolist() == [[side, side] for side in expected]


def test_the_last_levels_of_a_pyramid_are_rounded_up() -> None:
    assert level_shapes(32, 96) == [(4, 12), (2, 6), (1, 3), (1, 2), (1, 1)]
