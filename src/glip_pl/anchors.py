"""A square anchor at each position of the pyramid (as in ATSS, paper 3.1)."""

import torch
from torch import Tensor

STRIDES = (8, 16, 32, 64, 128)
"""Pixels of the input between two positions of each level, P3 to P7."""

ANCHOR_SCALE = 8
"""Side of an anchor in strides: 64 pixels on P3, 1024 pixels on P7."""


MULTIPLE = 32
"""Padded sides are multiples of this many pixels, so that P3 to P5 halve them exactly."""


def canvas_of(height: int, width: int) -> tuple[int, int]:
    """Height and width to which a picture is padded where it is alone."""
    return -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE


def level_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) of the five levels of a padded image, whose sides are multiples of 32."""
    return [(-(-height // stride), -(-width // stride)) for stride in STRIDES]


def level_anchors(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """Anchors (height * width, 4) of a level, row by row, in pixels of the input."""
    first = (1 - ANCHOR_SCALE) * stride // 2
    # One line serves both axes, as each small operation is a kernel on a GPU.
    end = first + (height + width) * stride
    low = torch.arange(first, end, stride, device=device, dtype=torch.float32)
    high = low + (ANCHOR_SCALE * stride - 1)
    sides = low[:width], low[:height, None], high[:width], high[:height, None]
    grid = torch.stack([side.expand(height, width) for side in sides], dim=-1)
    return grid.flatten(0, 1)


def pyramid_anchors(shapes: list[tuple[int, int]], device: torch.device) -> Tensor:
    """Anchors (A, 4) of five levels whose (height, width) are `shapes`, fine to coarse."""
    levels = [
        level_anchors(height, width, stride, device)
        for (height, width), stride in zip(shapes, STRIDES, strict=True)
    ]
    return torch.cat(levels)


def places_of(part: tuple[int, int], whole: tuple[int, int], device: torch.device) -> Tensor:
    """Where the anchors of a padded image `part` (height, width) are among those of a larger one.

    Both images begin at the same corner; the result is (A of the part,) int64, ascending.
    """
    places, first = [], 0
    for (height, width), (rows, columns) in zip(
        level_shapes(*part), level_shapes(*whole), strict=True
    ):
        grid = torch.arange(rows * columns, device=device).view(rows, columns)
        places.append(grid[:height, :width].flatten() + first)
        first += rows * columns
    return torch.cat(places)
