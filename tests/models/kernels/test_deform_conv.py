import pytest
import torch
from torch import Tensor

from glip_pl.models.fused_convolution import STRIDES, reference
from glip_pl.models.kernels.convolving import convolve, output_size

CASES = [((9, 7), (1,)), ((9, 7), (0, 1, 2)), ((3, 4), (0, 1)), ((5, 4), (1, 2)), ((1, 1), (0, 1))]
"""The size of a map, and which of its three convolutions there are."""


def convolution_inputs(
    size: tuple[int, int], there: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> tuple[Tensor, list[Tensor | None], Tensor, Tensor]:
    """Features, positions, weights and biases of three branches: 24 to 40 channels."""
    torch.manual_seed(0)
    height, width = size
    features = torch.randn(2, *size, 24).to(dtype)
    # The finer level is larger than the output.
    sizes = (2 * height - 1, 2 * width), size, output_size(height, width, 2)
    positions = [torch.randn(2, *sides, 27) * 3 for sides in sizes]
    some = [one if branch in there else None for branch, one in enumerate(positions)]
    weight = (torch.randn(3, 9, 24, 40) * 0.1).to(dtype)
    return features, some, weight, torch.randn(3, 40)


def outputs_for(features: Tensor, positions: list[Tensor | None]) -> list[Tensor | None]:
    """Where the convolutions are written."""
    return [
        None
        if one is None
        else torch.empty(2, *output_size(features.shape[1], features.shape[2], branch), 40)
        for branch, one in enumerate(positions)
    ]


def convolved(
    features: Tensor, positions: list[Tensor | None], weight: Tensor, bias: Tensor
) -> list[Tensor]:
    """The convolutions by the kernel."""
    outs = outputs_for(features, positions)
    convolve(features, positions, weight, bias, outs)
    return [out for out in outs if out is not None]


def expected_of(
    features: Tensor, positions: list[Tensor | None], weight: Tensor, bias: Tensor
) -> list[Tensor]:
    """The convolutions by torchvision."""
    return [
        reference(features, one, weight[branch], bias[branch], STRIDES[branch])
        for branch, one in enumerate(positions)
        if one is not None
    ]


@pytest.mark.parametrize(("size", "there"), CASES)
def test_the_kernel_computes_what_torchvision_does(
    size: tuple[int, int], there: tuple[int, ...]
) -> None:
    inputs = convolution_inputs(size, there)
    torch.testing.assert_close(convolved(*inputs), expected_of(*inputs), atol=1e-5, rtol=1e-5)


def test_half_precision_is_that_of_the_products_only() -> None:
    """Positions are far from what half precision could tell apart."""
    inputs = convolution_inputs((9, 7), (0, 1, 2), torch.float16)
    ours = convolved(*inputs)
    assert all(out.dtype == torch.float32 for out in ours)
    torch.testing.assert_close(ours, expected_of(*inputs), atol=2e-3, rtol=2e-3)


def test_positions_far_outside_give_zero_and_nan_gives_nan() -> None:
    features, _, weight, bias = convolution_inputs((9, 7), (1,))
    for value, expected in ((1e9, bias[1].expand(2, 9, 7, 40)), (float("nan"), None)):
        positions = [None, torch.full((2, 9, 7, 27), value), None]
        (out,) = convolved(features, positions, weight, bias)
        assert bool(out.isnan().all()) if expected is None else out.equal(expected)
