import pytest
import torch

from glip_pl.models.fused_convolution import (
    STRIDES,
    available,
    fused_convolutions,
    pairs,
    reference,
)

pytest.importorskip("triton", reason="the form of a GPU needs it")

SIDES = [(9, 7), (5, 4), (3, 2), (2, 1)]


def test_each_level_is_read_by_itself_and_its_neighbours() -> None:
    assert list(pairs(1)) == [(0, 1)]
    assert list(pairs(3)) == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]


@pytest.mark.parametrize("levels", [1, 4])
def test_one_operation_in_value_and_gradient(levels: int) -> None:
    torch.manual_seed(0)
    maps = [torch.randn(2, 24, *size, requires_grad=True) for size in SIDES[:levels]]
    shifts = [torch.randn(2, 27, *size, requires_grad=True) for size in SIDES[:levels]]
    weights = [torch.randn(40, 24, 3, 3, requires_grad=True) for _ in range(3)]
    biases = [torch.randn(40, requires_grad=True) for _ in range(3)]
    ours = fused_convolutions(maps, shifts, weights, biases)
    last = [[one.permute(0, 2, 3, 1) for one in some] for some in (maps, shifts)]
    expected = [
        reference(
            last[0][level], last[1][level + branch - 1],
            weights[branch].permute(2, 3, 1, 0).flatten(0, 1), biases[branch], STRIDES[branch],
        ).permute(0, 3, 1, 2)
        for level, branch in pairs(levels)
    ]  # fmt: skip
    torch.testing.assert_close(ours, expected)
    leaves = [*maps, *shifts, *weights[-levels:], *biases[-levels:]]
    if levels == 1:
        leaves = [*maps, *shifts, weights[1], biases[1]]
    factors = [torch.randn_like(out) for out in ours]
    gradients = [
        torch.autograd.grad(outs, leaves, factors, retain_graph=True) for outs in (ours, expected)
    ]
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-4)


def test_kernels_are_for_sixteen_bits_on_a_gpu() -> None:
    gpu = torch.device("cuda")
    assert available(gpu, torch.bfloat16)
    assert not available(gpu, torch.float32)
