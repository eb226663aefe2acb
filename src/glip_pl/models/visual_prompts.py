"""Visual prompts: example boxes become rows of the prompt, in place of words.

The features of a box are read from the pyramid before fusion, so that a picture with examples is
encoded once, whatever is then looked for, and wherever.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import roi_align

from glip_pl.anchors import STRIDES
from glip_pl.boxes import centers_and_sizes, plain
from glip_pl.types import Examples

CELLS = 5
"""Cells of each side of the grid in which the features of a box are read."""

BOX_STRIDES = 8
"""Strides that a box measures at the level where it is read, which is that of its best anchors."""


class VisualPrompts(nn.Module):
    """Projects the pooled features of example boxes into the space of token features."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.importance = nn.Linear(channels, 1, bias=False)
        self.expand = nn.Linear(2 * channels, dim)
        self.contract = nn.Linear(dim, dim)
        self.out_norm = nn.LayerNorm(dim)

    def forward(self, levels: list[Tensor], examples: Examples) -> Tensor:
        """A row (R, dim) for each phrase: the mean over its examples in levels (B, C, h, w)."""
        regions = region_features(levels, examples.images, examples.boxes)  # (E, K, C)
        cells = self.norm(regions.to(self.norm.weight.dtype))
        weights = self.importance(cells).softmax(1)
        pooled = torch.cat([(weights * cells).sum(1), cells.mean(1)], dim=1)
        rows = self.out_norm(self.contract(F.gelu(self.expand(pooled))))
        counts = torch.bincount(examples.rows, minlength=examples.count).clamp(min=1)
        sums = rows.new_zeros(examples.count, rows.shape[1]).index_add(0, examples.rows, rows)
        means: Tensor = sums / counts[:, None]
        return means


def region_features(levels: list[Tensor], images: Tensor, boxes: Tensor) -> Tensor:
    """Features (E, CELLS ** 2, C) of boxes (E, 4) in images (E,), each from one pyramid level."""
    regions = torch.cat([images[:, None].to(boxes.dtype), plain(boxes)], dim=1)
    # Boxes are read at all levels and one is taken: choosing boxes by level would make a GPU wait.
    maps = torch.stack(
        [
            roi_align(level.float(), regions, CELLS, 1 / stride, sampling_ratio=2, aligned=True)
            for level, stride in zip(levels, STRIDES, strict=True)
        ]
    )  # (L, E, C, CELLS, CELLS)
    chosen = box_levels(boxes)[None, :, None, None, None].expand(1, *maps.shape[1:])
    return maps.gather(0, chosen)[0].flatten(2).mT


def box_levels(boxes: Tensor) -> Tensor:
    """The pyramid level (E,) whose anchors have the size of each box (E, 4)."""
    _, sizes = centers_and_sizes(boxes)
    level = (sizes.clamp(min=1).log2().mean(-1) - math.log2(BOX_STRIDES * STRIDES[0])).round()
    return level.clamp(0, len(STRIDES) - 1).long()


def no_examples(device: torch.device) -> Examples:
    """No examples, for which the part is computed all the same and gets gradients of zero."""
    none = torch.zeros(0, dtype=torch.int64, device=device)
    return Examples(none, torch.zeros(0, 4, device=device), none, 0, none, none)
