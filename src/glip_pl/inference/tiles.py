"""Detects in overlapping tiles of large pictures, where small objects keep their pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from glip_pl.errors import UserError
from glip_pl.inference.suppression import kept_boxes
from glip_pl.types import Detections

MIN_SIDE = 32
"""Smallest side of a tile, in pixels."""

OVERLAP = 0.2
"""Share of a tile's side that it has in common with the next one, unless the caller sets it."""

BORDER = 2.0
"""Pixels from a cut within which a box counts as cut."""

COVERED = 0.5
"""Share of a cut box that a whole box must have, so that the cut box is left out."""

WORSE = 0.5
"""Share of the cut box's score that the whole box must have: a poor box replaces no good one."""

PAIRS = 1 << 21
"""Pairs of boxes that are compared at a time, in about 100 MB."""

Tile = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the picture; right and bottom are outside."""


def tiles_of(size: tuple[int, int], side: int, overlap: float = OVERLAP) -> list[Tile]:
    """The whole picture of this (height, width) first, then tiles of equal size that cover it.

    Only the whole picture if it is no larger than a tile. Raises UserError for impossible settings.
    """
    if side < MIN_SIDE or not 0 <= overlap < 0.9:
        raise UserError(
            f"tiles={side} with an overlap of {overlap}: a tile has at least {MIN_SIDE} pixels a "
            "side, and the overlap is at least 0 and below 0.9"
        )
    height, width = size
    if height <= side and width <= side:
        return [(0, 0, width, height)]
    high, wide = min(side, height), min(side, width)
    tops, lefts = _starts(height, high, overlap), _starts(width, wide, overlap)
    tiles = [(left, top, left + wide, top + high) for top in tops for left in lefts]
    return [(0, 0, width, height), *tiles]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Where tiles start along one side of the picture, evenly, from its start to its end."""
    if length <= side:
        return [0]
    step = max(1.0, side * (1 - overlap))
    count = 1 + -(-(length - side) // step)
    return [round(number * (length - side) / (count - 1)) for number in range(int(count))]


def merged(
    tiles: Sequence[Tile], found: Sequence[Detections], size: tuple[int, int], nms_iou: float
) -> Detections:
    """The detections of all tiles in pixels of the picture, of each object the best one.

    A box at a tile's cut may hold a part of an object. It is left out if a whole box has most of
    it: from the next tile or, if the object is larger than their overlap, from the whole picture,
    whose detections come first in `found`.
    """
    if len(found) == 1:
        return found[0]
    parts, cuts = [], []
    for (left, top, right, bottom), detections in zip(tiles, found, strict=True):
        moved = detections.boxes + detections.boxes.new_tensor([left, top, left, top])
        parts.append(Detections(moved, detections.scores, detections.phrase_ids))
        cuts.append(_cut(moved, (left, top, right, bottom), size))
    every, cut = _joined(parts), torch.cat(cuts)
    whole = _unsuppressed(every.rows(~cut), nms_iou)
    pieces = every.rows(cut)
    pieces = pieces.rows(~_explained(pieces, whole))
    return _unsuppressed(_joined([whole, pieces]), nms_iou)


def _joined(parts: Sequence[Detections]) -> Detections:
    return Detections(
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.scores for part in parts]),
        torch.cat([part.phrase_ids for part in parts]),
    )


def _unsuppressed(found: Detections, nms_iou: float) -> Detections:
    return found.rows(kept_boxes(found.boxes, found.scores, found.phrase_ids, nms_iou))


def _explained(pieces: Detections, whole: Detections) -> Tensor:
    """Of which pieces (N,) a whole box of the same phrase covers most, and is not much worse."""
    rows = max(1, PAIRS // max(1, len(whole)))
    starts = range(0, max(1, len(pieces)), rows)
    return torch.cat([_covered(pieces.rows(slice(start, start + rows)), whole) for start in starts])


def _covered(pieces: Detections, whole: Detections) -> Tensor:
    low = torch.maximum(pieces.boxes[:, None, :2], whole.boxes[None, :, :2])
    high = torch.minimum(pieces.boxes[:, None, 2:], whole.boxes[None, :, 2:])
    common = (high - low + 1).clamp(min=0).prod(2)
    area = (pieces.boxes[:, 2:] - pieces.boxes[:, :2] + 1).prod(1)
    covers = common > COVERED * area[:, None]
    alike = pieces.phrase_ids[:, None] == whole.phrase_ids[None]
    good = whole.scores[None] > WORSE * pieces.scores[:, None]
    return (covers & alike & good).any(1)


def _cut(boxes: Tensor, tile: Tile, size: tuple[int, int]) -> Tensor:
    """Which boxes (N, 4) end at a side of the tile that is no side of the picture, (N,)."""
    height, width = size
    left, top, right, bottom = tile
    at_left = (boxes[:, 0] < left + BORDER) & (left > 0)
    at_top = (boxes[:, 1] < top + BORDER) & (top > 0)
    at_right = (boxes[:, 2] > right - 1 - BORDER) & (right < width)
    at_bottom = (boxes[:, 3] > bottom - 1 - BORDER) & (bottom < height)
    return at_left | at_top | at_right | at_bottom
