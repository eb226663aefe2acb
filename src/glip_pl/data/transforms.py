"""Multi-scale resize and horizontal flip, with boxes kept in step."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_SIDED = re.compile(r"\b(left|right)(most)?\b", re.IGNORECASE)


@dataclass(frozen=True)
class ResizeFlip:
    """Random short side and random flip in training; one size and no flip in evaluation.

    A caption that says left or right would be wrong after a flip, so its image is not flipped.
    """

    short_sides: Sequence[int]  # one is drawn, pixels
    max_side: int  # no side gets longer, pixels
    flip: float = 0.0  # probability

    def __call__(
        self,
        image: Image.Image,
        boxes: Tensor,
        caption: str,
        random: np.random.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Pixels (3, H, W) uint8 and boxes (N, 4); without `random` the first size, no flip."""
        short = self.short_sides[
            0 if random is None else int(random.integers(len(self.short_sides)))
        ]
        height, width = target_size(image.height, image.width, short, self.max_side)
        ratio = torch.tensor([width / image.width, height / image.height] * 2)
        if (width, height) != image.size:
            # Pillow's antialiased bilinear gives the very pixels of the released models.
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        boxes = boxes * ratio
        if random is not None and random.random() < self.flip and not _SIDED.search(caption):
            pixels, boxes = pixels.flip(2), flip_boxes(boxes, width)
        return pixels.contiguous(), boxes


def target_size(height: int, width: int, short: int, max_side: int) -> tuple[int, int]:
    """(height, width) whose short side is `short` unless the long one would pass `max_side`."""
    low, high = min(height, width), max(height, width)
    if high / low * short > max_side:
        short = round(max_side * low / high)
    if low == short:
        return height, width
    if width < height:
        return int(short * height / width), short
    return short, int(short * width / height)


def flip_boxes(boxes: Tensor, width: int) -> Tensor:
    """Boxes (N, 4) of the mirrored image; x becomes width - 1 - x."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([width - 1 - x2, y1, width - 1 - x1, y2], dim=-1)
