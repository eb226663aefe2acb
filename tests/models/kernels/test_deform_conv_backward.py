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
    d_features, d_shifts, d_weight, d_bias = map(torch.zeros_like, (features, shifts, weight, bias))
    d_weight += 1  # gradients of the weight are added
    sums = d_features, d_shifts, d_weight, d_bias
    convolve_backward(features, shifts, weight, gradient, stride, sums)
    d_weight -= 1
    others = reference_backward(features, shifts, weight, gradient, stride)
    expected = *others, gradient.sum((0, 1, 2))
    for ours, value in zip(sums, expected, strict=True):
        torch.testing.assert_close(ours, value, atol=1e-4, rtol=1e-4)
