import pytest
import torch

from glip_pl.models.fused_attention import reference
from glip_pl.models.kernels.launching import attend
from tests.models.kernels.inputs import attention_inputs

CASES = [(70, 37, 0.0), (129, 5, 0.0), (1, 1, 0.0), (70, 37, 0.3)]
"""Pixels and words that fill tiles in part, and dropout."""


@pytest.mark.parametrize(("count", "words", "dropout"), CASES)
def test_the_kernels_compute_the_equations(count: int, words: int, dropout: float) -> None:
    inputs = attention_inputs(count, words)
    for ours, expected in zip(attend(*inputs, dropout), reference(*inputs, dropout), strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


def test_half_precision_inputs_have_sums_in_full_precision() -> None:
    inputs = attention_inputs(70, 37, dtype=torch.float16)
    update, pooled, *rest = attend(*inputs, 0.0)
    assert (update.dtype, pooled.dtype) == (torch.float16, torch.float32)
    expected = reference(*inputs, 0.0)
    for ours, value in zip((update, pooled, *rest), expected, strict=True):
        torch.testing.assert_close(ours, value, atol=3e-3, rtol=3e-3)
