import pytest
import torch

from glip_pl.models.fused_convolution import reference, reference_backward
from glip_pl.models.kernels.convolving import convolve_backward
from tests.models.kernels.test_deform_conv import CASES, convolution_inputs


@pytest.mark.parametrize(("size", "positions", "stride"), CASES)
def test_the_kernels_compute_the_gradients_of_torchvision(
    size: tuple[int, int], positions: tuple[int, int], stride: int
) -> None:
    features, shifts, weight, bias = convolution_inputs(size, positions)
    gradient = torch.randn_like(reference(features, shifts, weight, bias, stride))
    total = torch.ones_like(weight)
    found = convolve_backward(features, shifts, weight, gradient, stride, total)
    expected = reference_backward(features, shifts, weight, gradient, stride)
    for ours, value in zip((*found, total - 1), expected, strict=True):
        torch.testing.assert_close(ours, value, atol=1e-4, rtol=1e-4)
