"""Modulated deformable 3x3 convolutions of maps with channels last: forward pass.

Names: `features` (B, h, w, C) are read by three convolutions, which a launch computes together:
those for the finer level (branch 0), for their own (1) and, with stride 2, for the coarser one (2).
Each has `positions` (B, H, W, 27) in float32, 18 offsets and 9 mask logits, which are read linearly
if the output (B, h', w', O) is smaller (models/deform_conv.py). `weight` is (3, 9, C, O). Positions
are computed in float32, products in the type of the features.
"""

# Triton's language has no types.
# mypy: ignore-errors
# ruff: noqa: N803  # constants of a compilation are upper case, as in Triton's own code

import triton
import triton.language as tl

SIZES = ("height", "width", "area0", "area1", "area2", "first", "second")
"""Numbers that change with the picture: no kernel is compiled anew for them."""

NUMBERS = tl.constexpr(27)
"""Numbers of a position."""


@triton.jit
def chosen(branch, one, two, three):
    """Of three pointers or numbers that of a branch."""
    return tl.where(branch == 0, one, tl.where(branch == 1, two, three))


@triton.jit
def output_of(branch, height, width):
    """Stride of a branch, and width and area of its output."""
    stride = 1 + branch // 2
    out_width = (width - 1) // stride + 1
    return stride, out_width, ((height - 1) // stride + 1) * out_width


@triton.jit
def branch_of(program, first, second):
    """The branch of a program, and its number among those of the branch."""
    branch = (program >= first).to(tl.int32) + (program >= second).to(tl.int32)
    return branch, program - chosen(branch, 0, first, second)


@triton.jit
def place_of(channel, first, place, out_area, area):
    """Where a number of an output's position is in the memory of an image's positions.

    `channel` counts from the buffer's channel `first`. The buffer is read as if it had the size of
    the output.
    """
    linear = channel * out_area + place
    return (linear % area) * NUMBERS + first + linear // area


@triton.jit
def tap_of(positions, tap, place, real, height, width, out_width, out_area, area, stride):
    """Row, column (integers), their fractions, and the mask of a tap at some places."""
    at_y = place_of(2 * tap, 0, place, out_area, area)
    at_x = place_of(2 * tap + 1, 0, place, out_area, area)
    at_mask = place_of(tap, 18, place, out_area, area)
    y = tl.load(positions + at_y, mask=real, other=0.0)
    x = tl.load(positions + at_x, mask=real, other=0.0)
    logit = tl.load(positions + at_mask, mask=real, other=0.0)
    y += (place // out_width * stride - 1 + tap // 3).to(tl.float32)
    x += (place % out_width * stride - 1 + tap % 3).to(tl.float32)
    # Farther away, all four pixels are outside too, and the numbers fit an integer. The fractions
    # of a position that is NaN are NaN, so that the loss shows the fault.
    top = tl.floor(tl.minimum(tl.maximum(y, -2.0), height + 1.0))
    left = tl.floor(tl.minimum(tl.maximum(x, -2.0), width + 1.0))
    return top.to(tl.int32), left.to(tl.int32), y - top, x - left, 1 / (1 + tl.exp(-logit))


@triton.jit
def pixels_at(features, row, column, real, height, width, channels, C: tl.constexpr):
    """Some channels of one pixel for every place, in float32; zero outside of the map."""
    inside = real & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    at = (row * width + column)[:, None] * C + channels[None, :]
    inside = inside[:, None] & (channels < C)[None, :]
    return tl.load(features + at, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def sampled(features, top, left, down, right, mask, real, height, width, channels, C: tl.constexpr):
    """Masked bilinear samples (places, channels) in float32."""
    upper = pixels_at(features, top, left, real, height, width, channels, C)
    sample = upper * ((1 - down) * (1 - right) * mask)[:, None]
    upper = pixels_at(features, top, left + 1, real, height, width, channels, C)
    sample += upper * ((1 - down) * right * mask)[:, None]
    lower = pixels_at(features, top + 1, left, real, height, width, channels, C)
    sample += lower * (down * (1 - right) * mask)[:, None]
    lower = pixels_at(features, top + 1, left + 1, real, height, width, channels, C)
    return sample + lower * (down * right * mask)[:, None]


@triton.jit(do_not_specialize=SIZES)
def convolve(
    features, p0, p1, p2, weight, bias, o0, o1, o2,
    height, width, area0, area1, area2, first, second,
    C: tl.constexpr, OUT: tl.constexpr, WIDTH: tl.constexpr,
    CHUNK: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """A convolution at BP places of an image; the programs of branch 1 begin with `first`."""
    item = tl.program_id(1)
    branch, block = branch_of(tl.program_id(0), first, second)
    stride, out_width, out_area = output_of(branch, height, width)
    area = chosen(branch, area0, area1, area2)
    positions = chosen(branch, p0, p1, p2) + item * area * NUMBERS
    place = block * BP + tl.arange(0, BP)
    real = place < out_area
    features += item * height * width * C
    weight += branch * 9 * C * OUT
    outputs = tl.arange(0, WIDTH)
    known = (outputs < OUT)[None, :]
    total = tl.zeros((BP, WIDTH), tl.float32)
    for tap in range(9):
        top, left, down, right, mask = tap_of(
            positions, tap, place, real, height, width, out_width, out_area, area, stride
        )
        for start in range(0, C, CHUNK):
            channels = start + tl.arange(0, CHUNK)
            taps = sampled(features, top, left, down, right, mask, real, height, width, channels, C)
            at = (tap * C + channels)[:, None] * OUT + outputs[None, :]
            kernel = tl.load(weight + at, mask=(channels < C)[:, None] & known, other=0.0)
            total += tl.dot(taps.to(kernel.dtype), kernel, input_precision="ieee")
    total += tl.load(bias + branch * OUT + outputs, mask=outputs < OUT, other=0.0)[None, :]
    rows = (item * out_area + place)[:, None]
    out = chosen(branch, o0, o1, o2)
    tl.store(out + rows * OUT + outputs[None, :], total, mask=real[:, None] & known)
