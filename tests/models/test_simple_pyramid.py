import pytest
import torch

from glip_pl.models.simple_pyramid import FITTING, SimplePyramid


@pytest.mark.parametrize("stride", FITTING)
@pytest.mark.parametrize("count", [1, 3])
def test_maps_of_any_stride_give_three_strides(stride: int, count: int) -> None:
    pyramid = SimplePyramid([16] * count, stride)
    maps = [torch.rand(2, 16, 64 // stride, 96 // stride) for _ in range(count)]
    levels = pyramid(maps)
    assert [tuple(level.shape[2:]) for level in levels] == [(8, 12), (4, 6), (2, 3)]
    assert tuple(level.shape[1] for level in levels) == pyramid.channels


def test_each_depth_gives_its_own_level() -> None:
    pyramid = SimplePyramid([8, 8, 8], 16)
    maps = [torch.rand(1, 8, 4, 4) for _ in range(3)]
    before = pyramid(maps)
    after = pyramid([maps[0], maps[1], torch.rand(1, 8, 4, 4)])
    assert [one.equal(other) for one, other in zip(before, after, strict=True)] == [
        True,
        True,
        False,
    ]
