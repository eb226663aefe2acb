"""The weighted sum of up to three maps, and the larger of two lines of it, forward and backward.

Names: maps `x0` to `x2` (B, P, C) in float32 with P places, `weights` (maps, B) of all maps of a
layer, `lines` (levels, B, 4, C) with slope and offset of the first and of the second line.
"""

# Triton's language has no types.
# mypy: ignore-errors
# ruff: noqa: N803  # constants of a compilation are upper case, as in Triton's own code

import triton
import triton.language as tl
from torch import Tensor

PLACES, CHANNELS = 32, 64
"""Places and channels of a program's tile."""


@triton.jit
def tile_of(places, channels, BP: tl.constexpr, BC: tl.constexpr):
    """The image, channels, which of them exist, which elements exist, and where they lie."""
    item = tl.program_id(2)
    place = tl.program_id(0) * BP + tl.arange(0, BP)
    channel = tl.program_id(1) * BC + tl.arange(0, BC)
    known = channel < channels
    inside = (place < places)[:, None] & known[None, :]
    at = (item * places + place)[:, None] * channels + channel[None, :]
    return item, channel, known, inside, at


@triton.jit
def summed(x0, x1, x2, weights, at, inside, batch, item, MAPS: tl.constexpr):
    """The weighted sum at a tile, and the maps there (a map that is not there is the first)."""
    a = tl.load(x0 + at, mask=inside, other=0.0)
    b, c = a, a
    total = a * tl.load(weights + item)
    if MAPS > 1:
        b = tl.load(x1 + at, mask=inside, other=0.0)
        total += b * tl.load(weights + batch + item)
    if MAPS > 2:
        c = tl.load(x2 + at, mask=inside, other=0.0)
        total += c * tl.load(weights + 2 * batch + item)
    return total, a, b, c


@triton.jit
def mix(
    x0, x1, x2, weights, lines, out, places, channels, batch,
    MAPS: tl.constexpr, BP: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """The activated sum at a tile of one image."""
    item, channel, known, inside, at = tile_of(places, channels, BP, BC)
    total, _, _, _ = summed(x0, x1, x2, weights, at, inside, batch, item, MAPS)
    line = lines + item * 4 * channels + channel
    first = tl.load(line, mask=known, other=0.0)[None, :] * total
    first += tl.load(line + channels, mask=known, other=0.0)[None, :]
    second = tl.load(line + 2 * channels, mask=known, other=0.0)[None, :] * total
    second += tl.load(line + 3 * channels, mask=known, other=0.0)[None, :]
    tl.store(out + at, tl.maximum(first, second), mask=inside)


@triton.jit
def mix_backward(
    x0, x1, x2, weights, lines, gradient, d0, d1, d2, d_weights, d_lines, places, channels, batch,
    MAPS: tl.constexpr, BP: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Gradients of the maps at a tile; those of weights and lines are added."""
    item, channel, known, inside, at = tile_of(places, channels, BP, BC)
    total, a, b, c = summed(x0, x1, x2, weights, at, inside, batch, item, MAPS)
    line = item * 4 * channels + channel
    slope1 = tl.load(lines + line, mask=known, other=0.0)[None, :]
    offset1 = tl.load(lines + line + channels, mask=known, other=0.0)[None, :]
    slope2 = tl.load(lines + line + 2 * channels, mask=known, other=0.0)[None, :]
    offset2 = tl.load(lines + line + 3 * channels, mask=known, other=0.0)[None, :]
    above = tl.load(gradient + at, mask=inside, other=0.0)
    larger = slope1 * total + offset1 >= slope2 * total + offset2
    first = tl.where(larger, above, 0.0)
    second = above - first
    tl.atomic_add(d_lines + line, tl.sum(first * total, 0), mask=known)
    tl.atomic_add(d_lines + line + channels, tl.sum(first, 0), mask=known)
    tl.atomic_add(d_lines + line + 2 * channels, tl.sum(second * total, 0), mask=known)
    tl.atomic_add(d_lines + line + 3 * channels, tl.sum(second, 0), mask=known)
    d_total = first * slope1 + second * slope2
    tl.store(d0 + at, d_total * tl.load(weights + item), mask=inside)
    tl.atomic_add(d_weights + item, tl.sum(d_total * a))
    if MAPS > 1:
        tl.store(d1 + at, d_total * tl.load(weights + batch + item), mask=inside)
        tl.atomic_add(d_weights + batch + item, tl.sum(d_total * b))
    if MAPS > 2:
        tl.store(d2 + at, d_total * tl.load(weights + 2 * batch + item), mask=inside)
        tl.atomic_add(d_weights + 2 * batch + item, tl.sum(d_total * c))


def _three(maps: list[Tensor]) -> list[Tensor]:
    return (maps * 3)[:3] if len(maps) == 1 else [*maps, maps[0]][:3]


def _grid(first: Tensor) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    batch, places, channels = first.shape
    tiles = triton.cdiv(places, PLACES), triton.cdiv(channels, CHANNELS), batch
    return tiles, (places, channels, batch)


def launch(maps: list[Tensor], weights: Tensor, lines: Tensor, out: Tensor) -> None:
    """Activated sum `out` (B, P, C) of a level's maps, by their weights and its lines."""
    grid, sizes = _grid(maps[0])
    mix[grid](*_three(maps), weights, lines, out, *sizes, MAPS=len(maps), BP=PLACES, BC=CHANNELS)


def launch_backward(
    maps: list[Tensor], weights: Tensor, lines: Tensor, gradient: Tensor,
    d_maps: list[Tensor], d_weights: Tensor, d_lines: Tensor,
) -> None:  # fmt: skip
    """Write the gradients of a level's maps; add those of its weights and lines."""
    grid, sizes = _grid(maps[0])
    mix_backward[grid](
        *_three(maps), weights, lines, gradient, *_three(d_maps), d_weights, d_lines, *sizes,
        MAPS=len(maps), BP=PLACES, BC=CHANNELS,
    )  # fmt: skip
