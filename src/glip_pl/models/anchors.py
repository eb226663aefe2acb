"""One square anchor per pyramid position (ATSS style, paper 3.1)."""

import torch
from torch import Tensor

STRIDES = (8, 16, 32, 64, 128)
ANCHOR_SCALE = 8
"""Anchor size in strides: 64 px on P3 ... 1024 px on P7."""


def level_anchors(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """Anchors (height * width, 4) of one level, row by row, in input pixels."""
    offset = (stride - 1) / 2
    y = torch.arange(height, device=device, dtype=torch.float32) * stride + offset
    x = torch.arange(width, device=device, dtype=torch.float32) * stride + offset
    half = (ANCHOR_SCALE * stride - 1) / 2
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    center = torch.stack([grid_x, grid_y], dim=-1).reshape(-1, 2)
    return torch.cat([center - half, center + half], dim=-1)


def pyramid_anchors(shapes: list[tuple[int, int]], device: torch.device) -> Tensor:
    """Anchors (A, 4) of five levels with these (height, width), fine to coarse."""
    levels = [
        level_anchors(height, width, stride, device)
        for (height, width), stride in zip(shapes, STRIDES, strict=True)
    ]
    return torch.cat(levels)
