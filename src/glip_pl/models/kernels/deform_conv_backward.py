"""Modulated deformable convolutions: backward pass. Names as in the forward pass.

The gradients `g0` to `g2` (B, h', w', O) of the three results have the type of the features.
"""

# Triton's language has no types.
# mypy: ignore-errors
# ruff: noqa: N803  # constants of a compilation are upper case, as in Triton's own code

import triton
import triton.language as tl

from glip_pl.models.kernels.deform_conv import (
    NUMBERS,
    SIZES,
    branch_of,
    chosen,
    output_of,
    pixels_at,
    place_of,
    sampled,
    tap_of,
)


@triton.jit
def pixel_gradient(
    features, d_features, gradient, weight, row, column, real, height, width, channels,
    C: tl.constexpr,
):  # fmt: skip
    """Adds the gradient of one pixel of every place; returns that of its weight."""
    pixel = pixels_at(features, row, column, real, height, width, channels, C)
    inside = real & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    inside = inside[:, None] & (channels < C)[None, :]
    at = (row * width + column)[:, None] * C + channels[None, :]
    tl.atomic_add(d_features + at, gradient * weight[:, None], mask=inside, sem="relaxed")
    return tl.sum(gradient * pixel, 1)


@triton.jit
def corner_sums(
    features, d_features, above, weight, tap, top, left, down, right, mask, real,
    height, width, C: tl.constexpr, OUT: tl.constexpr, WIDTH: tl.constexpr,
    CHUNK: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """For a tap, each corner's pixel times the gradient of the sample; adds to the features'."""
    outputs = tl.arange(0, WIDTH)
    a = tl.zeros((BP,), tl.float32)
    b = tl.zeros((BP,), tl.float32)
    c = tl.zeros((BP,), tl.float32)
    d = tl.zeros((BP,), tl.float32)
    for first in range(0, C, CHUNK):
        channels = first + tl.arange(0, CHUNK)
        at = (tap * C + channels)[:, None] * OUT + outputs[None, :]
        known = (channels < C)[:, None] & (outputs < OUT)[None, :]
        kernel = tl.load(weight + at, mask=known, other=0.0)
        sample = tl.dot(above, tl.trans(kernel), input_precision="ieee")
        a += pixel_gradient(
            features, d_features, sample, (1 - down) * (1 - right) * mask,
            top, left, real, height, width, channels, C,
        )  # fmt: skip
        b += pixel_gradient(
            features, d_features, sample, (1 - down) * right * mask,
            top, left + 1, real, height, width, channels, C,
        )  # fmt: skip
        c += pixel_gradient(
            features, d_features, sample, down * (1 - right) * mask,
            top + 1, left, real, height, width, channels, C,
        )  # fmt: skip
        d += pixel_gradient(
            features, d_features, sample, down * right * mask,
            top + 1, left + 1, real, height, width, channels, C,
        )  # fmt: skip
    return a, b, c, d


@triton.jit
def add(base, at, number, real):
    """Add to numbers that no other program of the launch changes."""
    tl.store(base + at, tl.load(base + at, mask=real, other=0.0) + number, mask=real)


@triton.jit(do_not_specialize=SIZES)
def gradients_of_samples(
    features, p0, p1, p2, weight, g0, g1, g2, d_features, d0, d1, d2,
    height, width, area0, area1, area2, first, second,
    C: tl.constexpr, OUT: tl.constexpr, WIDTH: tl.constexpr,
    CHUNK: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """Gradients of features and of positions `d0` to `d2` (float32, added) at BP places."""
    item = tl.program_id(1)
    branch, block = branch_of(tl.program_id(0), first, second)
    stride, out_width, out_area = output_of(branch, height, width)
    area = chosen(branch, area0, area1, area2)
    positions = chosen(branch, p0, p1, p2) + item * area * NUMBERS
    d_positions = chosen(branch, d0, d1, d2) + item * area * NUMBERS
    place = block * BP + tl.arange(0, BP)
    real = place < out_area
    features += item * height * width * C
    d_features += item * height * width * C
    weight += branch * 9 * C * OUT
    outputs = tl.arange(0, WIDTH)
    known = real[:, None] & (outputs < OUT)[None, :]
    rows = (item * out_area + place)[:, None]
    d_out = chosen(branch, g0, g1, g2)
    above = tl.load(d_out + rows * OUT + outputs[None, :], mask=known, other=0.0)
    for tap in range(9):
        top, left, down, right, mask = tap_of(
            positions, tap, place, real, height, width, out_width, out_area, area, stride
        )
        a, b, c, d = corner_sums(
            features, d_features, above, weight, tap, top, left, down, right, mask, real,
            height, width, C, OUT, WIDTH, CHUNK, BP,
        )  # fmt: skip
        d_mask = (a * (1 - right) + b * right) * (1 - down) + (c * (1 - right) + d * right) * down
        d_y = mask * ((c - a) * (1 - right) + (d - b) * right)
        d_x = mask * ((b - a) * (1 - down) + (d - c) * down)
        add(d_positions, place_of(2 * tap, 0, place, out_area, area), d_y, real)
        add(d_positions, place_of(2 * tap + 1, 0, place, out_area, area), d_x, real)
        d_logit = d_mask * mask * (1 - mask)
        add(d_positions, place_of(tap, 18, place, out_area, area), d_logit, real)


@triton.jit(do_not_specialize=SIZES)
def gradient_of_weight(
    features, p0, p1, p2, g0, g1, g2, d_weight, d_bias,
    height, width, area0, area1, area2, first,
    C: tl.constexpr, OUT: tl.constexpr, WIDTH: tl.constexpr,
    CHUNK: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """Gradient (3, 9, C, O) of the weight (float32, added): one tap and CHUNK channels a program.

    Those of the first tap and channels add the gradient (3, O) of the bias too (float32). Images
    and parts of their places are the other two dimensions of the grid; `first` is the first branch.
    """
    chunks = tl.cdiv(C, CHUNK)
    branch = first + tl.program_id(0) // (9 * chunks)
    tap = tl.program_id(0) // chunks % 9
    channels = tl.program_id(0) % chunks * CHUNK + tl.arange(0, CHUNK)
    item, part, parts = tl.program_id(1), tl.program_id(2), tl.num_programs(2)
    stride, out_width, out_area = output_of(branch, height, width)
    area = chosen(branch, area0, area1, area2)
    positions = chosen(branch, p0, p1, p2) + item * area * NUMBERS
    d_out = chosen(branch, g0, g1, g2)
    features += item * height * width * C
    outputs = tl.arange(0, WIDTH)
    known = (outputs < OUT)[None, :]
    total = tl.zeros((CHUNK, WIDTH), tl.float32)
    sums = tl.zeros((WIDTH,), tl.float32)
    for start in range(part * BP, out_area, parts * BP):
        place = start + tl.arange(0, BP)
        real = place < out_area
        top, left, down, right, mask = tap_of(
            positions, tap, place, real, height, width, out_width, out_area, area, stride
        )
        taps = sampled(features, top, left, down, right, mask, real, height, width, channels, C)
        at = (item * out_area + place)[:, None] * OUT + outputs[None, :]
        above = tl.load(d_out + at, mask=real[:, None] & known, other=0.0)
        total += tl.dot(tl.trans(taps.to(above.dtype)), above, input_precision="ieee")
        sums += tl.sum(above.to(tl.float32), 0)
    place_in_weight = ((branch * 9 + tap) * C + channels)[:, None] * OUT + outputs[None, :]
    tl.atomic_add(
        d_weight + place_in_weight, total, mask=(channels < C)[:, None] & known, sem="relaxed"
    )
    if tl.program_id(0) % (9 * chunks) == 0:
        into = d_bias + branch * OUT + outputs
        tl.atomic_add(into, sums, mask=outputs < OUT, sem="relaxed")
