import pytest
import torch
from torch import Tensor

from glip_pl.models.fused_convolution import reference
from glip_pl.models.kernels.convolving import convolve

CASES = [((9, 7), (9, 7), 1), ((9, 7), (5, 4), 2), ((3, 4), (6, 8), 1), ((1, 1), (1, 1), 1)]
"""Sizes of features and of positions, and stride: as a level's neighbours need them."""


def convolution_inputs(
    size: tuple[int, int], positions: tuple[int, int], dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, positions with channels last in memory, weight and bias: 24 to 40 channels."""
    torch.manual_seed(0)
    features = torch.randn(2, *size, 24).to(dtype)
    shifts = torch.randn(2, 27, *positions) * 3
    weight = (torch.randn(9, 24, 40) * 0.1).to(dtype)
    last = shifts.contiguous(memory_format=torch.channels_last)
    return features, last, weight, torch.randn(40)


@pytest.mark.parametrize(("size", "positions", "stride"), CASES)
def test_the_kernel_computes_what_torchvision_does(
    size: tuple[int, int], positions: tuple[int, int], stride: int
) -> None:
    inputs = convolution_inputs(size, positions)
    ours, expected = convolve(*inputs, stride), reference(*inputs, stride)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


def test_half_precision_is_that_of_the_products_only() -> None:
    """Positions are far from what half precision could tell apart."""
    inputs = convolution_inputs((9, 7), (9, 7), torch.float16)
    ours = convolve(*inputs, 1)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, reference(*inputs, 1), atol=2e-3, rtol=2e-3)


def test_positions_far_outside_give_zero_and_nan_gives_nan() -> None:
    features, positions, weight, bias = convolution_inputs((9, 7), (9, 7))
    for value, expected in ((1e9, bias.expand(2, 9, 7, 40)), (float("nan"), None)):
        out = convolve(features, torch.full_like(positions, value), weight, bias, 1)
        assert bool(out.isnan().all()) if expected is None else out.equal(expected)
