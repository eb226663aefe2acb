"""ATSS, the assignment of anchors to boxes (Zhang et al. 2020; GLIP uses it unchanged)."""

import torch
from torch import Tensor

from glip_pl.boxes import centers_and_sizes, iou_plus_one

CANDIDATES_PER_LEVEL = 9
"""Anchors of each pyramid level, nearest to a box's centre, that may be assigned to it."""

INSIDE_MARGIN = 0.01
"""Pixels by which an anchor's centre must lie inside its box."""


def atss(boxes: Tensor, anchors: Tensor, level_sizes: tuple[int, ...]) -> Tensor:
    """Box index (A,) of every anchor, -1 for background; boxes (N, 4), anchors (A, 4)."""
    assigned = boxes.new_full((len(anchors),), -1, dtype=torch.int64)
    if len(boxes) == 0:
        return assigned
    anchor_centers, _ = centers_and_sizes(anchors)
    box_centers, _ = centers_and_sizes(boxes)
    # Not cdist: its matrix form rounds, which would decide near-ties differently.
    distance = (anchor_centers[:, None] - box_centers[None]).square().sum(-1).sqrt()  # (A, N)

    candidates, start = [], 0
    for size in level_sizes:
        count = min(CANDIDATES_PER_LEVEL, size)
        nearest = distance[start : start + size].topk(count, dim=0, largest=False).indices
        candidates.append(nearest + start)
        start += size
    candidate = torch.cat(candidates)  # (C, N) anchor indices
    columns = torch.arange(len(boxes), device=boxes.device)

    overlap = iou_plus_one(anchors, boxes)
    candidate_overlap = overlap[candidate, columns]
    threshold = candidate_overlap.mean(0) + candidate_overlap.std(0)
    centers = anchor_centers[candidate]  # (C, N, 2)
    inside = torch.cat([centers - boxes[:, :2], boxes[:, 2:] - centers], dim=-1).amin(-1)
    positive = (candidate_overlap >= threshold) & (inside > INSIDE_MARGIN)

    claimed = torch.full_like(overlap, -1.0)
    rows, cols = candidate[positive], columns.expand_as(candidate)[positive]
    claimed[rows, cols] = overlap[rows, cols]
    best, owner = claimed.max(dim=1)
    return torch.where(best >= 0, owner, assigned)
