"""Forward pass of attention between pixels and words, without logits in memory.

Names: `pixels` (B, N, C), `keys` and `values` (B, H, T, C), `bias` (B, H, T). A logit is the
product of a pixel and a key, plus the key's bias. Tiles of logits are computed where they are used,
as in FlashAttention (Dao et al. 2022).
"""

# Triton's language has no types.
# mypy: ignore-errors
# ruff: noqa: N803  # constants of a compilation are upper case, as in Triton's own code

import triton
import triton.language as tl

from glip_pl.models.kernels.dropout import kept


@triton.jit
def tile(base, rows, count, C: tl.constexpr, WIDTH: tl.constexpr):
    """Rows of a matrix with C columns, zero beyond `count` rows and in columns from C on."""
    columns = tl.arange(0, WIDTH)
    inside = (rows < count)[:, None] & (columns < C)[None, :]
    return tl.load(base + rows[:, None] * C + columns[None, :], mask=inside, other=0.0)


@triton.jit
def store_tile(base, rows, count, tensor, C: tl.constexpr, WIDTH: tl.constexpr):
    """Store rows of a matrix with C columns."""
    columns = tl.arange(0, WIDTH)
    inside = (rows < count)[:, None] & (columns < C)[None, :]
    tensor = tensor.to(base.dtype.element_ty)
    tl.store(base + rows[:, None] * C + columns[None, :], tensor, mask=inside)


@triton.jit
def words_of_pixels(
    pixels, keys, bias, values, seeds, update, lse, n, t, threshold, scale,
    HEADS: tl.constexpr, C: tl.constexpr, WIDTH: tl.constexpr,
    BN: tl.constexpr, BT: tl.constexpr, DROPS: tl.constexpr,
):  # fmt: skip
    """What every pixel takes from the words, summed over heads, and its logsumexp (B, H, N)."""
    item = tl.program_id(1)
    rows = tl.program_id(0) * BN + tl.arange(0, BN)
    x = tile(pixels + item * n * C, rows, n, C, WIDTH)
    seed = tl.load(seeds)
    out = tl.zeros((BN, WIDTH), tl.float32)
    for head in range(HEADS):
        start = (item * HEADS + head) * t
        top = tl.full((BN,), float("-inf"), tl.float32)
        total = tl.zeros((BN,), tl.float32)
        taken = tl.zeros((BN, WIDTH), tl.float32)
        for first in range(0, t, BT):
            words = first + tl.arange(0, BT)
            k = tile(keys + start * C, words, t, C, WIDTH)
            added = tl.load(bias + start + words, mask=words < t, other=float("-inf"))
            logits = tl.dot(x, tl.trans(k), input_precision="ieee") + added[None, :]
            higher = tl.maximum(top, tl.max(logits, 1))
            weights = tl.exp(logits - higher[:, None])
            rescale = tl.exp(top - higher)
            total = total * rescale + tl.sum(weights, 1)
            if DROPS:
                numbers = ((item * n + rows) * HEADS + head)[:, None] * t + words[None, :]
                weights = tl.where(kept(numbers, seed, threshold), weights * scale, 0.0)
            v = tile(values + start * C, words, t, C, WIDTH)
            product = tl.dot(weights.to(v.dtype), v, input_precision="ieee")
            taken = taken * rescale[:, None] + product
            top = higher
        out += taken / total[:, None]
        place = (item * HEADS + head) * n + rows
        tl.store(lse + place, top + tl.log(total), mask=rows < n)
    store_tile(update + item * n * C, rows, n, out, C, WIDTH)


@triton.jit
def pixels_of_words(
    pixels, keys, seeds, pooled, kept_total, lse, n, t, threshold, scale,
    HEADS: tl.constexpr, C: tl.constexpr, WIDTH: tl.constexpr,
    BN: tl.constexpr, BT: tl.constexpr, DROPS: tl.constexpr,
):  # fmt: skip
    """Pixels that every word pools (B, H, T, C), its weights' sum, and logsumexp (B, H, T).

    A softmax over pixels does not depend on the bias of its word.
    """
    item, head = tl.program_id(1), tl.program_id(2)
    words = tl.program_id(0) * BT + tl.arange(0, BT)
    start = (item * HEADS + head) * t
    k = tile(keys + start * C, words, t, C, WIDTH)
    seed = tl.load(seeds + 1)
    top = tl.full((BT,), float("-inf"), tl.float32)
    total = tl.zeros((BT,), tl.float32)
    dropped = tl.zeros((BT,), tl.float32)
    taken = tl.zeros((BT, WIDTH), tl.float32)
    for first in range(0, n, BN):
        rows = first + tl.arange(0, BN)
        x = tile(pixels + item * n * C, rows, n, C, WIDTH)
        logits = tl.dot(k, tl.trans(x), input_precision="ieee")
        logits = tl.where((rows < n)[None, :], logits, float("-inf"))
        higher = tl.maximum(top, tl.max(logits, 1))
        weights = tl.exp(logits - higher[:, None])
        rescale = tl.exp(top - higher)
        total = total * rescale + tl.sum(weights, 1)
        if DROPS:
            numbers = ((item * n + rows) * HEADS + head)[None, :] * t + words[:, None]
            weights = tl.where(kept(numbers, seed, threshold), weights * scale, 0.0)
        dropped = dropped * rescale + tl.sum(weights, 1)
        product = tl.dot(weights.to(x.dtype), x, input_precision="ieee")
        taken = taken * rescale[:, None] + product
        top = higher
    store_tile(pooled + start * C, words, t, taken / total[:, None], C, WIDTH)
    tl.store(kept_total + start + words, dropped / total, mask=words < t)
    tl.store(lse + start + words, top + tl.log(total), mask=words < t)
