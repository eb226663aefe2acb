"""Which detections find a box: COCO's and LVIS's greedy matching, all images at once.

The official programs walk through detections one by one. Here a step takes the next best detection
of *every* image and category together, at all thresholds and sizes, and only pairs that overlap
by the lowest threshold are looked at; the outcome is the same (tests compare with pycocotools and
with recorded figures of the lvis package).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.detections_table import DetectionsTable, ranks
from glip_pl.types import SHOWN_SCORE

IOUS = np.linspace(0.5, 0.95, 10)
"""IoU from which on a detection finds a box; a figure is the mean over them."""

SIZES = {"": (0, 1e10), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e10)}
"""Areas in pixels that count, ends included, by the letter behind AP."""

PAIRS = 4_000_000
"""Pairs of a detection and a box that are compared at a time."""


@dataclass(frozen=True, eq=False)
class MatchedDetections:
    """What became of every detection: S sizes, T IoU thresholds, D detections."""

    found: DetectionsTable  # sorted by category, then image, then score
    ranks: NDArray[np.int64]  # (D,) among the detections of its category and image
    right: NDArray[np.bool_]  # (S, T, D) has found a box
    ignored: NDArray[np.bool_]  # (S, T, D) counts neither way
    box_counts: NDArray[np.int64]  # (S, C) that there are to find
    missed: NDArray[np.bool_]  # (N,) boxes of any size that none finds at the lowest threshold


def match(
    truth: Truth, found: DetectionsTable, per_category: int | None = None
) -> MatchedDetections:
    """Match each image and category by itself, `per_category` detections at most.

    Categories that LVIS does not know to be in an image or not are left out there.
    """
    count = len(truth.image_ids)
    if truth.absent is not None:
        known = np.concatenate([truth.labels * count + truth.images, _keys(truth.absent, count)])
        found = found[np.isin(found.labels * count + found.images, known)]
    groups = found.labels * count + found.images
    order = np.lexsort((-found.scores, groups))
    found, groups = found[order], groups[order]
    places = ranks(groups)
    if per_category is not None:
        kept = places < per_category
        found, groups, places = found[kept], groups[kept], places[kept]
    lows, highs = np.asarray(list(SIZES.values())).T[:, :, None]
    outside = (truth.areas < lows) | (truth.areas > highs)
    skipped = outside | truth.crowds  # (S, N)
    right, ignored, taken = _greedy(truth, found, groups, skipped)
    area = found.boxes[:, 2] * found.boxes[:, 3]
    forgiven = (area < lows) | (area > highs)  # (S, D)
    if truth.incomplete is not None:
        forgiven |= np.isin(groups, _keys(truth.incomplete, count))
    ignored |= ~right & forgiven[:, None]
    boxes = [np.bincount(truth.labels[~one], minlength=len(truth.names)) for one in skipped]
    missed = ~taken[0, 0] & ~truth.crowds
    return MatchedDetections(found, places, right, ignored, np.stack(boxes), missed)


def _keys(pairs: NDArray[np.int64], images: int) -> NDArray[np.int64]:
    return pairs[:, 1] * images + pairs[:, 0]


def _greedy(
    truth: Truth, found: DetectionsTable, groups: NDArray[np.int64], skipped: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """(S, T, D) which detections take a box, (S, T, D) a skipped one, (S, T, N) boxes taken.

    A detection takes the box with the largest IoU that no better detection has taken; a skipped
    box (S, N) only if there is no other, and a crowd is never used up. Of equal ones the last.
    """
    shape = (len(SIZES), len(IOUS))
    right, ignored = (np.zeros((*shape, len(found)), dtype=np.bool_) for _ in range(2))
    taken = np.zeros((*shape, len(truth.labels)), dtype=np.bool_)
    thresholds = np.minimum(IOUS, 1 - 1e-10)[:, None]
    for detection, box, iou in _overlaps(truth, found, groups):
        firsts = np.flatnonzero(np.diff(detection, prepend=-1) != 0)
        lengths = np.diff(np.append(firsts, len(detection)))
        turn = ranks(groups[detection[firsts]])
        for step in range(int(turn.max(initial=-1)) + 1):
            mine = turn == step
            count = lengths[mine]
            starts = np.cumsum(count) - count
            pairs = np.repeat(firsts[mine] - starts, count) + np.arange(count.sum())
            boxes, overlap = box[pairs], iou[pairs]
            free = (overlap >= thresholds) & (~taken[:, :, boxes] | truth.crowds[boxes])
            skip = skipped[:, None, boxes]
            best_own = np.maximum.reduceat(np.where(free & ~skip, overlap, 0.0), starts, axis=-1)
            free &= ~skip | np.repeat(best_own == 0, count, axis=-1)
            value = np.where(free, overlap, 0.0)
            best = np.maximum.reduceat(value, starts, axis=-1)  # (S, T, detections)
            places = np.where(value == np.repeat(best, count, axis=-1), np.arange(len(pairs)), 0)
            chosen = boxes[np.maximum.reduceat(places, starts, axis=-1)]
            hit = best > 0
            who = detection[firsts[mine]]
            right[:, :, who] = hit
            ignored[:, :, who] = hit & skipped[np.arange(len(SIZES))[:, None, None], chosen]
            size, threshold, _ = np.nonzero(hit)
            taken[size, threshold, chosen[hit]] = True
    return right, ignored, taken


def _overlaps(
    truth: Truth, found: DetectionsTable, groups: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Detection, box and IoU of all pairs that overlap by the lowest threshold, in blocks.

    Detections ascend, and the boxes of each keep the order of the file.
    """
    keys = truth.labels * len(truth.image_ids) + truth.images
    order = np.argsort(keys, kind="stable")
    low = np.searchsorted(keys[order], groups, side="left")
    counts = np.searchsorted(keys[order], groups, side="right") - low
    ends = np.cumsum(counts)
    blocks = np.searchsorted(ends, np.arange(PAIRS, int(ends[-1]) if len(ends) else 0, PAIRS))
    for block in np.split(np.arange(len(found)), blocks):
        detection = np.repeat(block, counts[block])
        within = np.arange(len(detection)) - np.repeat(ends[block] - counts[block], counts[block])
        within += (ends[block] - counts[block])[0] if len(block) else 0
        box = order[low[detection] + within]
        iou = box_iou(found.boxes[detection], truth.boxes[box], truth.crowds[box])
        near = iou >= IOUS[0]
        if near.any():
            yield detection[near], box[near], iou[near]


def box_iou(
    first: NDArray[np.float64], second: NDArray[np.float64], crowds: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """IoU (N,) of boxes (N, 4) x, y, width, height; with a crowd, the share of the first in it."""
    corner = np.maximum(first[:, :2], second[:, :2])
    sides = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:]) - corner
    inside = np.where((sides > 0).all(1), sides[:, 0] * sides[:, 1], 0.0)
    area = first[:, 2] * first[:, 3]
    union = np.where(crowds, area, area + second[:, 2] * second[:, 3] - inside)
    return np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)


def missed_boxes(truth: Truth, found: DetectionsTable) -> NDArray[np.int64]:
    """(I,) how many boxes of each image no certain detection finds at IoU 0.5."""
    missed = match(truth, found[found.scores >= SHOWN_SCORE]).missed
    return np.bincount(truth.images[missed], minlength=len(truth.image_ids))
