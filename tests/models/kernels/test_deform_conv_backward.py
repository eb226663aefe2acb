import pytest
import torch

from glip_pl.models.fused_convolution import STRIDES, reference_backward
from glip_pl.models.kernels.convolving import convolve_backward
from tests.models.kernels.test_deform_conv import CASES, convolution_inputs, outputs_for


@pytest.mark.parametrize(
    ("size", "there"),
    [pytest.param(*case, marks=[] if case == CASES[1] else pytest.mark.slow) for case in CASES],
)
def test_the_kernels_add_the_gradients_of_torchvision(
    size: tuple[int, int], there: tuple[int, ...]
) -> None:
    features, positions, weight, bias = convolution_inputs(size, there)
    outs = outputs_for(features, positions)
    gradients = [None if out is None else torch.randn_like(out) for out in outs]
    d_positions = [None if one is None else torch.ones_like(one) for one in positions]
    d_features, d_weight, d_bias = map(torch.ones_like, (features, weight, bias))
    sums = d_features, d_positions, d_weight, d_bias
    convolve_backward(features, positions, weight, gradients, sums)
    total = torch.ones_like(features)
    for branch, (shifts, gradient, found) in enumerate(
        zip(positions, gradients, d_positions, strict=True)
    ):
        if shifts is None or gradient is None or found is None:
            assert d_weight[branch].eq(1).all()
            assert d_bias[branch].eq(1).all()
            continue
        parts = reference_backward(features, shifts, weight[branch], gradient, STRIDES[branch])
        total += parts[0]
        ours = found - 1, d_weight[branch] - 1, d_bias[branch] - 1
        expected = *parts[1:], gradient.sum((0, 1, 2))
        torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(d_features, total, atol=1e-4, rtol=1e-4)
