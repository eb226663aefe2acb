"""Modulated deformable convolution: backward pass. Names as in the forward pass.

`d_out` (B, h', w', O) is the gradient of the result, in the type of the features.
"""

# Triton's language has no types.
# mypy: ignore-errors
# ruff: noqa: N803  # constants of a compilation are upper case, as in Triton's own code

import triton
import triton.language as tl

from glip_pl.models.kernels.deform_conv import pixels_at, place_of, sampled, tap_of


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
def gradients_of_samples(
    features, positions, weight, d_out, d_features, d_positions,
    height, width, out_width, out_area, area, by_image, by_channel, by_place,
    STRIDE: tl.constexpr, C: tl.constexpr, OUT: tl.constexpr, WIDTH: tl.constexpr,
    CHUNK: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """Gradients of the features (float32, added) and of the positions at BP places of an image."""
    item = tl.program_id(1)
    place = tl.program_id(0) * BP + tl.arange(0, BP)
    real = place < out_area
    features += item * height * width * C
    d_features += item * height * width * C
    positions += item * by_image
    d_positions += item * by_image
    outputs = tl.arange(0, WIDTH)
    known = real[:, None] & (outputs < OUT)[None, :]
    rows = (item * out_area + place)[:, None]
    above = tl.load(d_out + rows * OUT + outputs[None, :], mask=known, other=0.0)
    for tap in range(9):
        top, left, down, right, mask = tap_of(
            positions, tap, place, real, height, width, out_width, out_area, area,
            by_channel, by_place, STRIDE,
        )  # fmt: skip
        a, b, c, d = corner_sums(
            features, d_features, above, weight, tap, top, left, down, right, mask, real,
            height, width, C, OUT, WIDTH, CHUNK, BP,
        )  # fmt: skip
        d_mask = (a * (1 - right) + b * right) * (1 - down) + (c * (1 - right) + d * right) * down
        d_y = mask * ((c - a) * (1 - right) + (d - b) * right)
        d_x = mask * ((b - a) * (1 - down) + (d - c) * down)
        at_y = place_of(2 * tap, 0, place, out_area, area, by_channel, by_place)
        at_x = place_of(2 * tap + 1, 0, place, out_area, area, by_channel, by_place)
        at_mask = place_of(tap, 18, place, out_area, area, by_channel, by_place)
        tl.store(d_positions + at_y, d_y, mask=real)
        tl.store(d_positions + at_x, d_x, mask=real)
        tl.store(d_positions + at_mask, d_mask * mask * (1 - mask), mask=real)


@triton.jit
def gradient_of_weight(
    features, positions, d_out, d_weight, d_bias,
    height, width, out_width, out_area, area, by_image, by_channel, by_place,
    STRIDE: tl.constexpr, C: tl.constexpr, OUT: tl.constexpr, WIDTH: tl.constexpr,
    CHUNK: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """Gradient (9, C, O) of the weight (float32, added): one tap and CHUNK channels a program.

    Those of the first tap and channels add the gradient (O,) of the bias too (float32). Images and
    parts of their places are the other two dimensions of the grid.
    """
    chunks = tl.cdiv(C, CHUNK)
    tap = tl.program_id(0) // chunks
    channels = tl.program_id(0) % chunks * CHUNK + tl.arange(0, CHUNK)
    item, part, parts = tl.program_id(1), tl.program_id(2), tl.num_programs(2)
    features += item * height * width * C
    positions += item * by_image
    outputs = tl.arange(0, WIDTH)
    known = (outputs < OUT)[None, :]
    total = tl.zeros((CHUNK, WIDTH), tl.float32)
    sums = tl.zeros((WIDTH,), tl.float32)
    for first in range(part * BP, out_area, parts * BP):
        place = first + tl.arange(0, BP)
        real = place < out_area
        top, left, down, right, mask = tap_of(
            positions, tap, place, real, height, width, out_width, out_area, area,
            by_channel, by_place, STRIDE,
        )  # fmt: skip
        taps = sampled(features, top, left, down, right, mask, real, height, width, channels, C)
        at = (item * out_area + place)[:, None] * OUT + outputs[None, :]
        above = tl.load(d_out + at, mask=real[:, None] & known, other=0.0)
        total += tl.dot(tl.trans(taps.to(above.dtype)), above, input_precision="ieee")
        sums += tl.sum(above.to(tl.float32), 0)
    place_in_weight = (tap * C + channels)[:, None] * OUT + outputs[None, :]
    tl.atomic_add(
        d_weight + place_in_weight, total, mask=(channels < C)[:, None] & known, sem="relaxed"
    )
    if tl.program_id(0) == 0:
        tl.atomic_add(d_bias + outputs, sums, mask=outputs < OUT, sem="relaxed")
