import pytest
import torch

from glip_pl.models.fused_convolution import available, fused_convolution, reference
from tests.models.kernels.test_deform_conv import CASES, convolution_inputs

pytest.importorskip("triton", reason="the form of a GPU needs it")


@pytest.mark.parametrize(("size", "positions", "stride"), CASES)
def test_one_operation_in_value_and_gradient(
    size: tuple[int, int], positions: tuple[int, int], stride: int
) -> None:
    features, shifts, kernel, bias = convolution_inputs(size, positions)
    weight = kernel.view(3, 3, 24, 40).permute(3, 2, 0, 1).contiguous()
    inputs = [features.permute(0, 3, 1, 2), shifts, weight, bias]
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    twice = fused_convolution([leaves[0]] * 2, [leaves[1]] * 2, leaves[2], leaves[3], stride)
    ours = sum(twice[1:], twice[0]) / 2
    last = leaves[0].permute(0, 2, 3, 1)
    taps = leaves[2].permute(2, 3, 1, 0).flatten(0, 1)
    expected = reference(last, leaves[1], taps, leaves[3], stride).permute(0, 3, 1, 2)
    torch.testing.assert_close(ours, expected)
    gradients = [torch.autograd.grad(out.square().sum(), leaves) for out in (ours, expected)]
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-4)


def test_kernels_are_for_sixteen_bits_on_a_gpu() -> None:
    gpu = torch.device("cuda")
    assert available(gpu, torch.bfloat16)
    assert not available(gpu, torch.float32)
