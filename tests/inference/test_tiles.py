from itertools import pairwise

import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.inference.tiles import merged, tiles_of
from glip_pl.types import Detections


def detections(*boxes: tuple[float, ...]) -> Detections:
    """Boxes with their scores as the fifth number, all of one phrase."""
    rows = torch.tensor(boxes).reshape(-1, 5)
    return Detections(rows[:, :4], rows[:, 4], torch.zeros(len(rows), dtype=torch.int64))


@pytest.mark.parametrize("size", [(1000, 700), (640, 2000), (641, 641), (5000, 33)])
def test_tiles_cover_the_picture_and_overlap(size: tuple[int, int]) -> None:
    whole, *tiles = tiles_of(size, 640, 0.2)
    assert whole == (0, 0, size[1], size[0])
    covered = torch.zeros(size)
    for left, top, right, bottom in tiles:
        assert right - left == min(640, size[1]) and bottom - top == min(640, size[0])
        covered[top:bottom, left:right] += 1
    assert covered.min() >= 1
    lefts = sorted({tile[0] for tile in tiles})
    assert all(b - a <= 512 for a, b in pairwise(lefts))


def test_a_picture_no_larger_than_a_tile_is_searched_once() -> None:
    assert tiles_of((640, 300), 640) == [(0, 0, 300, 640)]


@pytest.mark.parametrize(("side", "overlap"), [(8, 0.2), (640, 1.0), (640, -0.1)])
def test_impossible_tiles_are_refused(side: int, overlap: float) -> None:
    with pytest.raises(UserError, match=f"tiles={side} with an overlap of {overlap}"):
        tiles_of((100, 100), side, overlap)


def test_an_object_cut_by_a_tile_is_found_whole_in_the_next_one() -> None:
    tiles = [(0, 0, 200, 100), (0, 0, 120, 100), (80, 0, 200, 100)]
    found = [
        detections((10, 10, 190, 90, 0.6)),  # larger than a tile: the whole picture has it
        detections((100, 40, 119, 60, 0.9), (5, 5, 20, 20, 0.7), (10, 10, 119, 90, 0.8)),
        detections((20, 40, 50, 60, 0.5), (0, 10, 110, 90, 0.95), (60, 5, 70, 15, 0.4)),
    ]
    result = merged(tiles, found, (100, 200), 0.6)
    boxes = [tuple(box) for box in result.boxes.tolist()]
    assert boxes == [(5, 5, 20, 20), (10, 10, 190, 90), (100, 40, 130, 60), (140, 5, 150, 15)]
    assert result.scores.tolist() == pytest.approx([0.7, 0.6, 0.5, 0.4])


def test_the_better_of_two_equal_boxes_stays() -> None:
    tiles = [(0, 0, 200, 100), (0, 0, 120, 100), (80, 0, 200, 100)]
    found = [detections(), detections((90, 40, 110, 60, 0.6)), detections((10, 40, 31, 60, 0.7))]
    result = merged(tiles, found, (100, 200), 0.6)
    assert result.boxes.tolist() == [[90, 40, 111, 60]]


def test_a_cut_box_stays_where_no_whole_box_has_it() -> None:
    tiles = [(0, 0, 200, 100), (0, 0, 120, 100), (80, 0, 200, 100)]
    cut = (70, 40, 119, 60, 0.8)  # wider than the overlap: the next tile has only its right half
    rest = (0, 40, 60, 60, 0.6)
    alone = merged(tiles, [detections(), detections(cut), detections(rest)], (100, 200), 0.6)
    assert alone.boxes.tolist() == [[70, 40, 119, 60], [80, 40, 140, 60]]
    for score, kept in ((0.5, 1), (0.1, 3)):  # of a box that has all of the object
        whole = detections((70, 40, 140, 60, score))
        found = merged(tiles, [whole, detections(cut), detections(rest)], (100, 200), 0.95)
        assert len(found) == kept
