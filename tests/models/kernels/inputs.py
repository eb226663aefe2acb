"""Random inputs of attention between pixels and words."""

import torch
from torch import Tensor

SEEDS = torch.tensor([123_456_789, 987_654_321])

MOST = torch.finfo(torch.float32).min / 2
"""The bias of a padded word."""


def attention_inputs(
    count: int, words: int, channels: int = 24, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Pixels, keys, bias, values and seeds of two images and three heads; padded words."""
    torch.manual_seed(0)
    keys, values = torch.randn(2, 2, 3, words, channels).unbind()
    bias = torch.randn(2, 3, words)
    bias[1, :, words - words // 4 :] = MOST
    pixels = torch.randn(2, count, channels).to(dtype)
    return pixels, (keys * 0.3).to(dtype), bias, values.to(dtype), SEEDS


def result_gradients(count: int, words: int, channels: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of update, pooled and total."""
    torch.manual_seed(1)
    return (
        torch.randn(2, count, channels),
        torch.randn(2, 3, words, channels),
        torch.randn(2, 3, words),
    )
