"""Which detections match a ground-truth box: COCO's and LVIS's greedy matching of all images.

The official programs walk through detections one by one. Here a step takes the next best detection
of *every* image and category together, at all IoU thresholds and box sizes, and only pairs whose
IoU reaches the lowest threshold are considered. The outcome is the same: tests compare it with
pycocotools and with recorded figures of the lvis package.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.truth import Truth
from glip_pl.metrics.detections_table import DetectionsTable, ranks_in_groups
from glip_pl.types import SHOWN_SCORE

IOUS = np.linspace(0.5, 0.95, 10)
"""IoU thresholds from which a detection may match a box; AP is the mean over them."""

SIZES = {"": (0, 1e10), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e10)}
"""Areas in pixels, both ends included, of the boxes that count, by the letter in APs, APm, APl."""

PAIRS = 4_000_000
"""Pairs of a detection and a box whose IoU is computed at a time, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class MatchedDetections:
    """The outcome for each of D detections, for S box sizes and T IoU thresholds.

    The truth has N boxes of C categories.
    """

    detections: DetectionsTable  # sorted by category, then image, then score
    ranks: NDArray[np.int64]  # (D,) rank among the detections of the same category and image
    is_matched: NDArray[np.bool_]  # (S, T, D) whether it matches a box, possibly an ignored one
    is_ignored: NDArray[np.bool_]  # (S, T, D) neither a true nor a false positive
    box_counts: NDArray[np.int64]  # (S, C) ground-truth boxes that count
    missed: NDArray[np.bool_]  # (N,) boxes without a detection at the lowest IoU threshold


def match(
    truth: Truth, detections: DetectionsTable, per_category: int | None = None
) -> MatchedDetections:
    """Match the detections of each image and category with its ground-truth boxes.

    The best `per_category` detections of each image and category take part; None: all. Detections
    of categories whose presence in the image is unknown (LVIS) are dropped.
    """
    image_count = len(truth.image_ids)
    groups = detections.labels * image_count + detections.images
    if truth.absent is not None:
        boxed = truth.labels * image_count + truth.images
        known = np.isin(groups, np.concatenate([boxed, _groups(truth.absent, image_count)]))
        detections, groups = detections[known], groups[known]
    order = np.lexsort((-detections.scores, groups))
    detections, groups = detections[order], groups[order]
    ranks = ranks_in_groups(groups)
    if per_category is not None:
        is_best = ranks < per_category
        detections, groups, ranks = detections[is_best], groups[is_best], ranks[is_best]
    lows, highs = np.asarray(list(SIZES.values())).T[:, :, None]
    other_size = (truth.areas < lows) | (truth.areas > highs)
    ignored_boxes = other_size | truth.crowds  # (S, N)
    is_matched, is_ignored, is_taken = _greedy(truth, detections, groups, ignored_boxes)
    area = detections.boxes[:, 2] * detections.boxes[:, 3]
    tolerated = (area < lows) | (area > highs)  # (S, D) no false positives if they have no box
    if truth.incomplete is not None:
        tolerated |= np.isin(groups, _groups(truth.incomplete, image_count))
    is_ignored |= ~is_matched & tolerated[:, None]
    box_counts = [
        np.bincount(truth.labels[~ignored], minlength=len(truth.names)) for ignored in ignored_boxes
    ]
    missed = ~is_taken[0, 0] & ~truth.crowds
    return MatchedDetections(
        detections, ranks, is_matched, is_ignored, np.stack(box_counts), missed
    )


def _groups(pairs: NDArray[np.int64], image_count: int) -> NDArray[np.int64]:
    """One number (M,) for each pair (M, 2) of an image and a category."""
    return pairs[:, 1] * image_count + pairs[:, 0]


def _greedy(
    truth: Truth,
    detections: DetectionsTable,
    groups: NDArray[np.int64],
    ignored_boxes: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks: detections with a box (S, T, D), with an ignored box (S, T, D), boxes taken (S, T, N).

    A detection takes the box with the largest IoU that no better detection has taken, and of equal
    ones the last. It takes an ignored box (S, N) only if there is no other; a crowd may be taken
    by any number of detections.
    """
    shape = (len(SIZES), len(IOUS))
    is_matched, is_ignored = (np.zeros((*shape, len(detections)), dtype=np.bool_) for _ in range(2))
    is_taken = np.zeros((*shape, len(truth.labels)), dtype=np.bool_)
    thresholds = np.minimum(IOUS, 1 - 1e-10)[:, None]
    for detection, box, iou in _overlaps(truth, detections, groups):
        firsts = np.flatnonzero(np.diff(detection, prepend=-1) != 0)
        lengths = np.diff(np.append(firsts, len(detection)))
        turn = ranks_in_groups(groups[detection[firsts]])
        for step in range(int(turn.max(initial=-1)) + 1):
            # All pairs of the detections whose turn it is, in their order.
            now = turn == step
            count = lengths[now]
            starts = np.cumsum(count) - count
            pairs = np.repeat(firsts[now] - starts, count) + np.arange(count.sum())
            boxes, overlap = box[pairs], iou[pairs]
            free = (overlap >= thresholds) & (~is_taken[:, :, boxes] | truth.crowds[boxes])
            ignored = ignored_boxes[:, None, boxes]
            iou_taken, last_best = _best_pairs(overlap, free, ignored, starts, count)
            chosen = boxes[last_best]
            hit = iou_taken > 0  # (S, T, detections whose turn it is)
            rows = detection[firsts[now]]
            is_matched[:, :, rows] = hit
            is_ignored[:, :, rows] = (
                hit & ignored_boxes[np.arange(len(SIZES))[:, None, None], chosen]
            )
            size, threshold, _ = np.nonzero(hit)
            is_taken[size, threshold, chosen[hit]] = True
    return is_matched, is_ignored, is_taken


def _best_pairs(
    overlap: NDArray[np.float64],
    free: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    starts: NDArray[np.int64],
    count: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """IoU and index, both (S, T, K), of the best free pair of K detections; IoU 0 if none is free.

    The pairs of detection k are the `count[k]` ones from `starts[k]` on. `overlap` is their IoU,
    `free` (S, T, pairs) where their box may be taken, `ignored` (S, 1, pairs) where it is ignored.
    """
    best_counted = np.maximum.reduceat(np.where(free & ~ignored, overlap, 0.0), starts, axis=-1)
    free = free & (~ignored | np.repeat(best_counted == 0, count, axis=-1))
    value = np.where(free, overlap, 0.0)
    best = np.maximum.reduceat(value, starts, axis=-1)
    is_best = value == np.repeat(best, count, axis=-1)
    indices = np.where(is_best, np.arange(len(overlap)), 0)
    return best, np.maximum.reduceat(indices, starts, axis=-1)


def _overlaps(
    truth: Truth, detections: DetectionsTable, groups: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Detection, box and IoU of all pairs whose IoU reaches the lowest threshold, in blocks.

    Detections ascend, and the boxes of each keep the order of the annotation file.
    """
    box_groups = truth.labels * len(truth.image_ids) + truth.images
    order = np.argsort(box_groups, kind="stable")
    low = np.searchsorted(box_groups[order], groups, side="left")
    counts = np.searchsorted(box_groups[order], groups, side="right") - low
    ends = np.cumsum(counts)
    blocks = np.searchsorted(ends, np.arange(PAIRS, int(ends[-1]) if len(ends) else 0, PAIRS))
    for block in np.split(np.arange(len(detections)), blocks):
        detection = np.repeat(block, counts[block])
        within = np.arange(len(detection)) - np.repeat(ends[block] - counts[block], counts[block])
        within += (ends[block] - counts[block])[0] if len(block) else 0
        box = order[low[detection] + within]
        iou = box_iou(detections.boxes[detection], truth.boxes[box], truth.crowds[box])
        near = iou >= IOUS[0]
        if near.any():
            yield detection[near], box[near], iou[near]


def box_iou(
    first: NDArray[np.float64], second: NDArray[np.float64], crowds: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """IoU (N,) of the boxes x, y, width, height (N, 4) in equal rows.

    Where the second box is a crowd, the share of the first box that lies in it.
    """
    corner = np.maximum(first[:, :2], second[:, :2])
    sides = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:]) - corner
    inside = np.where((sides > 0).all(1), sides[:, 0] * sides[:, 1], 0.0)
    area = first[:, 2] * first[:, 3]
    union = np.where(crowds, area, area + second[:, 2] * second[:, 3] - inside)
    return np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)


def missed_boxes(truth: Truth, detections: DetectionsTable) -> NDArray[np.int64]:
    """(I,) number of ground-truth boxes in each image that no detection matches at IoU 0.5.

    Detections below SHOWN_SCORE do not count.
    """
    missed = match(truth, detections[detections.scores >= SHOWN_SCORE]).missed
    return np.bincount(truth.images[missed], minlength=len(truth.image_ids))
