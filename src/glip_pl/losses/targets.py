"""The targets of the grounding loss, which depend on boxes, prompts and the padded size only.

In training the loader's workers make them (data/collate.py), before the model has run.
"""

from functools import lru_cache

import torch
from torch import Tensor

from glip_pl.anchors import canvas_of, level_shapes, places_of, pyramid_anchors
from glip_pl.boxes import centers_and_sizes
from glip_pl.losses.assignment import atss
from glip_pl.types import Batch, Padding, Targets


def targets_of(batch: Batch, padding: Padding = "shared") -> Targets:
    """Targets of a batch, on its device. ATSS assigns anchors to boxes, and boxes have phrases.

    For a model with `padding` "own" only anchors on a picture's own canvas are candidates.
    """
    height, width = batch.images.shape[-2:]
    device = batch.images.device
    anchors, level_sizes = _anchors(height, width, device)
    if padding == "own":
        sizes = batch.sizes.tolist()
        pairs = zip(batch.boxes, sizes, strict=True)
        owners = torch.stack(
            [_owners(boxes, canvas_of(*size), (height, width)) for boxes, size in pairs]
        )
    else:
        owners = torch.stack([atss(boxes, anchors, level_sizes) for boxes in batch.boxes])  # (B, A)
    images, positive = (owners >= 0).nonzero(as_tuple=True)
    firsts = _firsts([len(boxes) for boxes in batch.boxes], images.device)
    box_rows = owners[images, positive] + firsts[images]
    boxes = torch.cat(batch.boxes)[box_rows]
    first_phrases = _firsts([len(masks) for masks in batch.phrase_masks], images.device)
    phrases = torch.cat(batch.phrase_ids)[box_rows] + first_phrases[images]
    weights = torch.cat(batch.weights)[box_rows] if batch.weights else torch.ones_like(boxes[:, 0])
    centerness = centerness_targets(boxes, anchors[positive])
    return Targets(
        rows=images * len(anchors) + positive,
        boxes=boxes,
        phrases=phrases,
        centerness=centerness,
        weights=weights,
        sums=torch.stack([centerness.new_tensor(len(positive)), centerness.sum()]),
    )


def _owners(boxes: Tensor, canvas: tuple[int, int], whole: tuple[int, int]) -> Tensor:
    """Box index (A,) of every anchor of a padded image; -1 outside a picture's `canvas`."""
    anchors, level_sizes = _anchors(*canvas, boxes.device)
    owners = atss(boxes, anchors, level_sizes)
    if canvas == whole:
        return owners
    everywhere = len(_anchors(*whole, boxes.device)[0])
    return owners.new_full((everywhere,), -1).index_copy_(
        0, places_of(canvas, whole, boxes.device), owners
    )


def centerness_targets(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Centerness (N,) in [0, 1] of each anchor (N, 4) in its box (N, 4): 1 at the box's centre."""
    center, _ = centers_and_sizes(anchors)
    low, high = center - boxes[:, :2], boxes[:, 2:] - center
    ratio = torch.minimum(low, high) / torch.maximum(low, high)
    return ratio.prod(-1).clamp(min=0).sqrt()


@lru_cache(maxsize=64)
def _anchors(height: int, width: int, device: torch.device) -> tuple[Tensor, tuple[int, ...]]:
    """Anchors (A, 4) of a padded image and their number on each level; the last sizes are kept."""
    shapes = level_shapes(height, width)
    return pyramid_anchors(shapes, device), tuple(rows * columns for rows, columns in shapes)


def _firsts(counts: list[int], device: torch.device) -> Tensor:
    """Where each group of rows begins in the concatenation of all, (len(counts),)."""
    return torch.tensor([0, *counts[:-1]], device=device).cumsum(0)
