"""Launches the kernels of attention between pixels and words."""

from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor

from glip_pl.models.kernels import bi_attention as forward
from glip_pl.models.kernels import bi_attention_backward as backward
from glip_pl.models.kernels.dropout import threshold


@dataclass(frozen=True)
class Tiles:
    """Pixels and words of a tile, and the warps that work on it."""

    pixels: int = 64
    words: int = 64
    warps: int = 8


PIXELS = Tiles(64, 32)
"""For kernels whose programs own pixels and go through words."""

WORDS = Tiles(32, 64)
"""For kernels whose programs own words and go through pixels."""


def _options(pixels: Tensor, keys: Tensor, dropout: float, tiles: Tiles) -> dict[str, Any]:
    channels = pixels.shape[-1]
    return {
        "n": pixels.shape[1],
        "t": keys.shape[2],
        "threshold": threshold(dropout),
        "scale": 1 / (1 - dropout),
        "HEADS": keys.shape[1],
        "C": channels,
        "WIDTH": max(16, triton.next_power_of_2(channels)),
        "BN": tiles.pixels,
        "BT": tiles.words,
        "DROPS": dropout > 0,
        "num_warps": tiles.warps,
        "num_stages": 1,
    }


def attend(
    pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor, seeds: Tensor, dropout: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Update (B, N, C), pooled (B, H, T, C), total (B, H, T), and both logsumexp."""
    batch, count, _ = pixels.shape
    _, heads, words, _ = keys.shape
    update, pooled = torch.empty_like(pixels), torch.empty_like(keys, dtype=torch.float32)
    total, lse_words = torch.empty_like(bias), torch.empty_like(bias)
    lse_pixels = bias.new_empty(batch, heads, count)
    forward.words_of_pixels[(triton.cdiv(count, PIXELS.pixels), batch)](
        pixels, keys, bias, values, seeds, update, lse_pixels,
        **_options(pixels, keys, dropout, PIXELS),
    )  # fmt: skip
    forward.pixels_of_words[(triton.cdiv(words, WORDS.words), batch, heads)](
        pixels, keys, seeds, pooled, total, lse_words, **_options(pixels, keys, dropout, WORDS)
    )
    return update, pooled, total, lse_pixels, lse_words


def attend_backward(
    inputs: tuple[Tensor, ...], results: tuple[Tensor, ...], gradients: tuple[Tensor, ...],
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of pixels, keys, bias and values.

    `inputs` are pixels, keys, bias, values and seeds; `results` those of `attend` but for the
    update; `gradients` those of update, pooled and total.
    """
    pixels, keys, bias, values, seeds = inputs
    pooled, total, lse_pixels, lse_words = results
    d_update, d_pooled, d_total = gradients
    batch, count, _ = pixels.shape
    _, heads, words, _ = keys.shape
    delta_words = (d_pooled * pooled).sum(-1) + d_total * total
    d_pooled = d_pooled.to(keys.dtype)
    delta_pixels = torch.empty_like(lse_pixels)
    by_pixels = _options(pixels, keys, dropout, PIXELS)
    by_words = _options(pixels, keys, dropout, WORDS)
    blocks = triton.cdiv(count, PIXELS.pixels)
    backward.sums_of_pixels[(blocks, batch, heads)](
        pixels, keys, bias, values, seeds, d_update, lse_pixels, delta_pixels, **by_pixels
    )
    shared = (
        *(pixels, keys, bias, values, seeds, d_update, d_pooled, d_total),
        *(lse_pixels, lse_words, delta_pixels, delta_words),
    )
    d_pixels, d_keys = torch.empty_like(pixels), torch.empty_like(keys)
    d_bias, d_values = torch.empty_like(bias), torch.empty_like(values)
    backward.gradients_of_pixels[(blocks, batch)](*shared, d_pixels, **by_pixels)
    backward.gradients_of_words[(triton.cdiv(words, WORDS.words), batch, heads)](
        *shared, d_keys, d_bias, d_values, **by_words
    )
    return d_pixels, d_keys, d_bias, d_values
