"""Multi-scale resizing and horizontal flips of pictures and their boxes."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

# Tensors share the picture's read-only bytes; nothing writes to them, so no copy is needed.
warnings.filterwarnings("ignore", message="The given buffer is not writable")

_SIDED = re.compile(r"\b(left|right)(most)?\b", re.IGNORECASE)


def is_sided(caption: str) -> bool:
    """Whether a caption says left or right, which would be wrong for the mirrored picture."""
    return bool(_SIDED.search(caption))


@dataclass(frozen=True)
class ResizeFlip:
    """Random short side and random flip in training; the first size and no flip in evaluation.

    An image whose caption says left or right is never flipped.
    """

    short_sides: Sequence[int]  # pixels; one of them is drawn
    max_side: int  # pixels; a longer side is reduced to this
    flip: float = 0.0  # probability

    def __call__(
        self,
        image: Image.Image,
        boxes: Tensor,
        caption: str,
        random: np.random.Generator | None = None,
        scale: float | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Pixels (3, H, W) uint8, channels last in memory, and boxes (N, 4) in these pixels.

        Without `random` (evaluation) Pillow resizes, which gives exactly the pixels of the released
        models' evaluation. Otherwise PyTorch resizes, which is six times as fast
        (scripts/bench_data.py) and differs by 1 of 255 in some pixels. A `scale` of [0, 1), which
        all pictures of a batch may share, takes the place of the random choice of the short side.
        """
        sides = self.short_sides
        drawn = 0 if random is None else int(random.integers(len(sides)))
        short = sides[drawn if scale is None else int(scale * len(sides))]
        height, width = target_size(image.height, image.width, short, self.max_side)
        boxes = boxes * torch.tensor([width / image.width, height / image.height] * 2)
        if random is None:
            return _pixels(image.resize((width, height), Image.Resampling.BILINEAR))[0], boxes
        pixels = _pixels(image)
        if random.random() < self.flip and not is_sided(caption):
            pixels, boxes = pixels.flip(3), flip_boxes(boxes, width)
        size = (height, width)
        return interpolate(pixels, size, mode="bilinear", antialias=True)[0], boxes


def _pixels(image: Image.Image) -> Tensor:
    """Pixels (1, 3, H, W) uint8 of a picture."""
    rows = torch.frombuffer(image.tobytes(), dtype=torch.uint8)
    return rows.view(1, image.height, image.width, 3).permute(0, 3, 1, 2)


def target_size(height: int, width: int, short: int, max_side: int) -> tuple[int, int]:
    """(height, width) with a short side of `short`, or less so that no side exceeds `max_side`."""
    low, high = min(height, width), max(height, width)
    if high / low * short > max_side:
        short = round(max_side * low / high)
        if short == 0:  # a picture a thousand times as long as wide
            return (max_side, 1) if height > width else (1, max_side)
    if low == short:
        return height, width
    if width < height:
        return int(short * height / width), short
    return short, int(short * width / height)


def flip_boxes(boxes: Tensor, width: int) -> Tensor:
    """Boxes (N, 4) in the mirrored image, where x becomes width - 1 - x."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([width - 1 - x2, y1, width - 1 - x1, y2], dim=-1)
