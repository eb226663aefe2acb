"""ATSS, the assignment of anchors to boxes (Zhang et al. 2020; GLIP uses it unchanged)."""

import torch
from torch import Tensor

from glip_pl.boxes import centers_and_sizes, iou_plus_one_of_pairs

CANDIDATES_PER_LEVEL = 9
"""Anchors of each pyramid level, nearest to a box's centre, that may be assigned to it."""

INSIDE_MARGIN = 0.01
"""Pixels by which an anchor's centre must lie inside its box."""


def atss(boxes: Tensor, anchors: Tensor, level_sizes: tuple[int, ...]) -> Tensor:
    """Box index (A,) of every anchor, -1 for background; boxes (N, 4), anchors (A, 4)."""
    assigned = boxes.new_full((len(anchors),), -1, dtype=torch.int64)
    if len(boxes) == 0:
        return assigned
    candidate = _candidates(boxes, anchors, level_sizes)  # (C, N) anchor indices
    overlap = iou_plus_one_of_pairs(anchors[candidate], boxes)
    threshold = overlap.mean(0) + overlap.std(0)
    centers, _ = centers_and_sizes(anchors[candidate])  # (C, N, 2)
    inside = torch.cat([centers - boxes[:, :2], boxes[:, 2:] - centers], dim=-1).amin(-1)
    positive = (overlap >= threshold) & (inside > INSIDE_MARGIN)

    # Each anchor goes to the box that it overlaps most, of equal ones to the first.
    box, row = positive.T.nonzero(as_tuple=True)
    anchor = candidate[row, box]
    by_overlap = overlap[row, box].argsort(descending=True, stable=True)
    order = by_overlap[anchor[by_overlap].argsort(stable=True)]
    anchor, box = anchor[order], box[order]
    is_best = torch.ones_like(anchor, dtype=torch.bool)
    is_best[1:] = anchor[1:] != anchor[:-1]
    assigned[anchor[is_best]] = box[is_best]
    return assigned


def _candidates(boxes: Tensor, anchors: Tensor, level_sizes: tuple[int, ...]) -> Tensor:
    """Indices (C, N) of the anchors of each level whose centres are nearest to that of a box."""
    anchor_centers, _ = centers_and_sizes(anchors)
    box_centers, _ = centers_and_sizes(boxes)
    # Not cdist: its matrix form rounds, which would decide near-ties differently.
    x, y = (anchor_centers.T[:, None] - box_centers.T[:, :, None]).square_()  # (N, A) each
    distance = x.add_(y).sqrt_()
    candidates, start = [], 0
    for level in distance.split(level_sizes, dim=1):
        count = min(CANDIDATES_PER_LEVEL, level.shape[1])
        candidates.append(level.topk(count, dim=1, largest=False).indices.T + start)
        start += level.shape[1]
    return torch.cat(candidates)
