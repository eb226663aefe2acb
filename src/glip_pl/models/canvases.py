"""Pictures of a batch, each computed on the canvas that it has alone: no other one changes it.

Padding changes what windows, borders of convolutions, group norms, pooling and the attention to
words compute. Instead of masking all of these, pictures that alone have equal canvases are computed
together, without the padding that only the others need.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from glip_pl.anchors import canvas_of, level_shapes, places_of, pyramid_anchors
from glip_pl.types import MAX_TOKENS, Output, TextFeatures

NOWHERE = -1e4
"""Logit of anchors outside a picture's canvas: their probability and their loss are exactly 0."""


class Part(NamedTuple):
    """Pictures of a batch that are computed together."""

    rows: tuple[int, ...]  # numbers of the pictures, ascending
    height: int  # of their canvas, pixels
    width: int

    def is_whole(self, count: int, height: int, width: int) -> bool:
        """Whether it is a whole padded batch of `count` pictures."""
        return (len(self.rows), self.height, self.width) == (count, height, width)

    def of(self, images: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Its images (b, 3, h, w) and sizes (b, 2), of those of the batch."""
        if self.is_whole(len(images), *images.shape[-2:]):
            return images, sizes
        rows = torch.tensor(self.rows, device=images.device)
        return images[rows, :, : self.height, : self.width], sizes[rows]

    def texts(self, text: TextFeatures) -> TextFeatures:
        """The prompts of its pictures, of those of the batch."""
        if len(self.rows) == len(text.hidden):
            return text
        return text.rows(torch.tensor(self.rows, device=text.hidden.device))


def parts_of(sizes: Tensor) -> list[Part]:
    """Pictures of true sizes (B, 2) by the canvas that each has alone.

    A GPU has to tell the CPU the sizes.
    """
    rows: dict[tuple[int, int], list[int]] = {}
    for row, (height, width) in enumerate(sizes.tolist()):
        rows.setdefault(canvas_of(height, width), []).append(row)
    return [Part(tuple(of_canvas), *canvas) for canvas, of_canvas in rows.items()]


def joined_levels(
    encoded: Sequence[list[Tensor]], parts: Sequence[Part], size: tuple[int, int]
) -> list[Tensor]:
    """The levels (B, C, h, w) of a batch padded to `size` (height, width), of those of its parts.

    Beyond a canvas its border is repeated, as those see it who read near it.
    """
    count = sum(len(part.rows) for part in parts)
    if parts[0].is_whole(count, *size):
        return encoded[0]
    levels = []
    for number, (height, width) in enumerate(level_shapes(*size)):
        like = encoded[0][number]
        level = like.new_empty(count, like.shape[1], height, width)
        for part, of_part in zip(parts, encoded, strict=True):
            own = of_part[number]
            beyond = (0, width - own.shape[3], 0, height - own.shape[2])
            rows = torch.tensor(part.rows, device=own.device)
            level[rows] = F.pad(own, beyond, mode="replicate")
        levels.append(level)
    return levels


def joined(outputs: Sequence[Output], parts: Sequence[Part], size: tuple[int, int]) -> Output:
    """The output for a batch padded to `size` (height, width), of the outputs for its parts.

    Anchors outside a picture's canvas find nothing.
    """
    count = sum(len(part.rows) for part in parts)
    if parts[0].is_whole(count, *size):
        return outputs[0]
    shapes = level_shapes(*size)
    device, tokens = outputs[0].anchors.device, outputs[0].alignment.shape[2]
    anchors = pyramid_anchors(shapes, device)
    alignment = outputs[0].alignment.new_full((count, len(anchors), tokens), NOWHERE)
    if tokens == MAX_TOKENS:  # there the last token stands for "no object" (losses/grounding.py)
        alignment[..., -1] = -NOWHERE
    deltas = outputs[0].deltas.new_zeros(count, len(anchors), 4)
    centerness = outputs[0].centerness.new_full((count, len(anchors)), NOWHERE)
    for output, part in zip(outputs, parts, strict=True):
        places = places_of((part.height, part.width), size, device)
        rows = torch.tensor(part.rows, device=device)[:, None]
        alignment[rows, places] = output.alignment
        deltas[rows, places] = output.deltas
        centerness[rows, places] = output.centerness
    level_sizes = tuple(height * width for height, width in shapes)
    return Output(alignment, deltas, centerness, anchors, level_sizes)
