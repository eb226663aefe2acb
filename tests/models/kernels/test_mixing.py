import pytest
import torch
from torch import Tensor

from glip_pl.models.fused_mixing import reference_backward
from glip_pl.models.kernels.mixing import launch, launch_backward


def mixing_inputs(count: int) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Maps of more than a tile, their weights, lines and a gradient of the result."""
    torch.manual_seed(0)
    maps = [torch.randn(2, 45, 80) for _ in range(count)]
    return maps, torch.rand(count, 2), torch.randn(2, 4, 80), torch.randn(2, 45, 80)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_larger_of_two_lines_of_a_weighted_sum(count: int) -> None:
    maps, weights, lines, _ = mixing_inputs(count)
    out = torch.empty_like(maps[0])
    launch(maps, weights, lines, out)
    total = sum(weight[:, None, None] * one for weight, one in zip(weights, maps, strict=True))
    a, b, c, d = lines[:, :, None].unbind(1)
    torch.testing.assert_close(out, torch.maximum(a * total + b, c * total + d))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_gradients_of_maps_are_written_and_others_added(count: int) -> None:
    maps, weights, lines, gradient = mixing_inputs(count)
    found = []
    for function in (launch_backward, reference_backward):
        d_maps = [torch.full_like(one, 9) for one in maps]
        d_weights, d_lines = torch.ones_like(weights), torch.ones_like(lines)
        function(maps, weights, lines, gradient, d_maps, d_weights, d_lines)
        found.append([*d_maps, d_weights, d_lines])
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=1e-4)
