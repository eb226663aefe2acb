"""Backward pass of attention between pixels and words; logits are computed again in tiles.

Beside the names of the forward pass: `d_update` (B, N, C), `d_pooled` (B, H, T, C) and `d_total`
(B, H, T) are the gradients of its results. The gradient of a logit is w * (g - delta), with its
weight w, the gradient g of w, and delta the sum of w * g over the softmax's elements. It has a part
from each direction: `delta_pixels` (B, H, N) and `delta_words` (B, H, T).
"""

# Triton's language has no types.
# mypy: ignore-errors
# ruff: noqa: N803  # constants of a compilation are upper case, as in Triton's own code

import triton
import triton.language as tl

from glip_pl.models.kernels.bi_attention import store_tile, tile
from glip_pl.models.kernels.dropout import kept


@triton.jit
def sums_of_pixels(
    pixels, keys, bias, values, seeds, d_update, lse_pixels, delta_pixels, n, t, threshold, scale,
    HEADS: tl.constexpr, C: tl.constexpr, WIDTH: tl.constexpr,
    BN: tl.constexpr, BT: tl.constexpr, DROPS: tl.constexpr,
):  # fmt: skip
    """The sum (B, H, N) of weights over words times their gradients."""
    item, head = tl.program_id(1), tl.program_id(2)
    rows = tl.program_id(0) * BN + tl.arange(0, BN)
    x = tile(pixels + item * n * C, rows, n, C, WIDTH)
    du = tile(d_update + item * n * C, rows, n, C, WIDTH)
    seed = tl.load(seeds)
    start = (item * HEADS + head) * t
    place = (item * HEADS + head) * n + rows
    lse = tl.load(lse_pixels + place, mask=rows < n, other=0.0)
    delta = tl.zeros((BN,), tl.float32)
    for first in range(0, t, BT):
        words = first + tl.arange(0, BT)
        k = tile(keys + start * C, words, t, C, WIDTH)
        v = tile(values + start * C, words, t, C, WIDTH)
        added = tl.load(bias + start + words, mask=words < t, other=float("-inf"))
        logits = tl.dot(x, tl.trans(k), input_precision="ieee") + added[None, :]
        weights = tl.exp(logits - lse[:, None])
        if DROPS:
            numbers = ((item * n + rows) * HEADS + head)[:, None] * t + words[None, :]
            weights = tl.where(kept(numbers, seed, threshold), weights * scale, 0.0)
        delta += tl.sum(weights * tl.dot(du, tl.trans(v), input_precision="ieee"), 1)
    tl.store(delta_pixels + place, delta, mask=rows < n)


@triton.jit
def logit_gradients(
    raw, added, from_update, from_pooled, lse_pixels, lse_words, delta_pixels, delta_words,
    numbers, seeds, threshold, scale, DROPS: tl.constexpr,
):  # fmt: skip
    """Gradients of a tile of logits, and its weights after dropout in both directions.

    `raw` are products of pixels and keys. Per-pixel and per-word numbers have the tile's layout,
    with a dimension of one. `from_update` and `from_pooled` are the gradients of the weights.
    """
    over_words = tl.exp(raw + added - lse_pixels)
    over_pixels = tl.exp(raw - lse_words)
    kept_words, kept_pixels = over_words, over_pixels
    if DROPS:
        first = kept(numbers, tl.load(seeds), threshold)
        second = kept(numbers, tl.load(seeds + 1), threshold)
        from_update = tl.where(first, from_update * scale, 0.0)
        from_pooled = tl.where(second, from_pooled * scale, 0.0)
        kept_words = tl.where(first, over_words * scale, 0.0)
        kept_pixels = tl.where(second, over_pixels * scale, 0.0)
    gradients = over_words * (from_update - delta_pixels)
    gradients += over_pixels * (from_pooled - delta_words)
    return gradients, kept_words, kept_pixels


@triton.jit
def gradients_of_pixels(
    pixels, keys, bias, values, seeds, d_update, d_pooled, d_total,
    lse_pixels, lse_words, delta_pixels, delta_words, d_pixels, n, t, threshold, scale,
    HEADS: tl.constexpr, C: tl.constexpr, WIDTH: tl.constexpr,
    BN: tl.constexpr, BT: tl.constexpr, DROPS: tl.constexpr,
):  # fmt: skip
    """Gradient (B, N, C) of the pixels, through their logits and as what is pooled."""
    item = tl.program_id(1)
    rows = tl.program_id(0) * BN + tl.arange(0, BN)
    x = tile(pixels + item * n * C, rows, n, C, WIDTH)
    du = tile(d_update + item * n * C, rows, n, C, WIDTH)
    dx = tl.zeros((BN, WIDTH), tl.float32)
    for head in range(HEADS):
        start = (item * HEADS + head) * t
        place = (item * HEADS + head) * n + rows
        lse_n = tl.load(lse_pixels + place, mask=rows < n, other=0.0)[:, None]
        delta_n = tl.load(delta_pixels + place, mask=rows < n, other=0.0)[:, None]
        for first in range(0, t, BT):
            words = first + tl.arange(0, BT)
            real = words < t
            k = tile(keys + start * C, words, t, C, WIDTH)
            v = tile(values + start * C, words, t, C, WIDTH)
            dp = tile(d_pooled + start * C, words, t, C, WIDTH)
            added = tl.load(bias + start + words, mask=real, other=float("-inf"))[None, :]
            lse_t = tl.load(lse_words + start + words, mask=real, other=float("inf"))[None, :]
            delta_t = tl.load(delta_words + start + words, mask=real, other=0.0)[None, :]
            dt = tl.load(d_total + start + words, mask=real, other=0.0)[None, :]
            gradients, _, kept_pixels = logit_gradients(
                tl.dot(x, tl.trans(k), input_precision="ieee"), added,
                tl.dot(du, tl.trans(v), input_precision="ieee"),
                tl.dot(x, tl.trans(dp), input_precision="ieee") + dt,
                lse_n, lse_t, delta_n, delta_t,
                ((item * n + rows) * HEADS + head)[:, None] * t + words[None, :],
                seeds, threshold, scale, DROPS,
            )  # fmt: skip
            dx += tl.dot(gradients.to(k.dtype), k, input_precision="ieee")
            dx += tl.dot(kept_pixels.to(dp.dtype), dp, input_precision="ieee")
    store_tile(d_pixels + item * n * C, rows, n, dx, C, WIDTH)


@triton.jit
def gradients_of_words(
    pixels, keys, bias, values, seeds, d_update, d_pooled, d_total,
    lse_pixels, lse_words, delta_pixels, delta_words, d_keys, d_bias, d_values,
    n, t, threshold, scale,
    HEADS: tl.constexpr, C: tl.constexpr, WIDTH: tl.constexpr,
    BN: tl.constexpr, BT: tl.constexpr, DROPS: tl.constexpr,
):  # fmt: skip
    """Gradients of keys and values (B, H, T, C), and of the keys' bias (B, H, T)."""
    item, head = tl.program_id(1), tl.program_id(2)
    words = tl.program_id(0) * BT + tl.arange(0, BT)
    real = words < t
    start = (item * HEADS + head) * t
    k = tile(keys + start * C, words, t, C, WIDTH)
    v = tile(values + start * C, words, t, C, WIDTH)
    dp = tile(d_pooled + start * C, words, t, C, WIDTH)
    added = tl.load(bias + start + words, mask=real, other=float("-inf"))[:, None]
    lse_t = tl.load(lse_words + start + words, mask=real, other=float("inf"))[:, None]
    delta_t = tl.load(delta_words + start + words, mask=real, other=0.0)[:, None]
    dt = tl.load(d_total + start + words, mask=real, other=0.0)[:, None]
    dk = tl.zeros((BT, WIDTH), tl.float32)
    dv = tl.zeros((BT, WIDTH), tl.float32)
    db = tl.zeros((BT,), tl.float32)
    for first in range(0, n, BN):
        rows = first + tl.arange(0, BN)
        place = (item * HEADS + head) * n + rows
        x = tile(pixels + item * n * C, rows, n, C, WIDTH)
        du = tile(d_update + item * n * C, rows, n, C, WIDTH)
        lse_n = tl.load(lse_pixels + place, mask=rows < n, other=0.0)[None, :]
        delta_n = tl.load(delta_pixels + place, mask=rows < n, other=0.0)[None, :]
        gradients, kept_words, _ = logit_gradients(
            tl.dot(k, tl.trans(x), input_precision="ieee"), added,
            tl.dot(v, tl.trans(du), input_precision="ieee"),
            tl.dot(dp, tl.trans(x), input_precision="ieee") + dt,
            lse_n, lse_t, delta_n, delta_t,
            ((item * n + rows) * HEADS + head)[None, :] * t + words[:, None],
            seeds, threshold, scale, DROPS,
        )  # fmt: skip
        # Pixels beyond the map are zero: their products below are, and only the bias sums over all.
        gradients = tl.where((rows < n)[None, :], gradients, 0.0)
        dk += tl.dot(gradients.to(x.dtype), x, input_precision="ieee")
        dv += tl.dot(kept_words.to(du.dtype), du, input_precision="ieee")
        db += tl.sum(gradients, 1)
    store_tile(d_keys + start * C, words, t, dk, C, WIDTH)
    store_tile(d_values + start * C, words, t, dv, C, WIDTH)
    tl.store(d_bias + start + words, db, mask=real)
