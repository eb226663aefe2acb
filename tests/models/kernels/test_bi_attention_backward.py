import pytest
import torch

from glip_pl.models.fused_attention import reference, reference_backward
from glip_pl.models.kernels.launching import attend, attend_backward
from tests.models.kernels.inputs import attention_inputs, result_gradients
from tests.models.kernels.test_bi_attention import CASES


@pytest.mark.parametrize(("count", "words", "dropout"), CASES)
def test_the_kernels_compute_the_gradients(count: int, words: int, dropout: float) -> None:
    inputs = attention_inputs(count, words)
    gradients = result_gradients(count, words)
    results = attend(*inputs, dropout)[1:]
    found = attend_backward(inputs, results, gradients, dropout)
    expected = reference_backward(inputs, gradients, dropout)
    for ours, value in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, value, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_equations_of_the_gradients_are_those_of_autograd(dropout: float) -> None:
    *inputs, seeds = attention_inputs(70, 37)
    gradients = result_gradients(70, 37)
    leaves = [tensor.requires_grad_() for tensor in inputs]
    results = reference(leaves[0], leaves[1], leaves[2], leaves[3], seeds, dropout)[:3]
    expected = torch.autograd.grad(results, leaves, gradients)
    found = reference_backward([*leaves, seeds], gradients, dropout)
    for ours, value in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, value, atol=2e-5, rtol=1e-4)
