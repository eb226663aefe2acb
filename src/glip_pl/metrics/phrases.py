"""For each phrase, the rank of its best correct detection."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from glip_pl.boxes import giou as tensor_giou
from glip_pl.data.truth import PhraseTruth
from glip_pl.metrics.detections_table import DetectionsTable, ranks_in_groups
from glip_pl.metrics.matching import box_iou

Corners = NDArray[np.float64]
"""Boxes (N, 4) as corners x1, y1, x2, y2 whose width is x2 - x1."""

MIN_OVERLAP = 0.5
"""Overlap with a ground-truth box from which a detection is correct."""

NOT_FOUND = 2**62
"""Rank that stands for a phrase without a correct detection: larger than any real rank."""


def first_correct_ranks(
    truth: PhraseTruth,
    detections: DetectionsTable,
    overlap: Callable[[Corners, Corners], NDArray[np.float64]],
) -> NDArray[np.int64]:
    """Rank (P,) by score, from 0, of the best correct detection of each phrase; or NOT_FOUND.

    A detection is correct if it overlaps any box of its phrase by MIN_OVERLAP. Detections with
    equal scores keep their order.
    """
    phrases = truth.phrases[detections.images] + detections.labels
    order = np.lexsort((-detections.scores, phrases))
    phrases, boxes = phrases[order], detections.boxes[order]
    # All pairs of a detection and a box of its phrase.
    counts = np.diff(truth.box_offsets)[phrases]
    rows = np.repeat(np.arange(len(phrases)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    targets = truth.boxes[truth.box_offsets[phrases][rows] + within]
    correct = rows[overlap(boxes[rows], targets) >= MIN_OVERLAP]
    result = np.full(len(truth.box_offsets) - 1, NOT_FOUND)
    np.minimum.at(result, phrases[correct], ranks_in_groups(phrases)[correct])
    return result


def with_merged_boxes(truth: PhraseTruth) -> PhraseTruth:
    """The same truth with the boxes of each phrase replaced by the smallest box around them."""
    counts = np.diff(truth.box_offsets)
    phrase = np.repeat(np.arange(len(counts)), counts)
    low, high = np.full((len(counts), 2), np.inf), np.full((len(counts), 2), -np.inf)
    np.minimum.at(low, phrase, truth.boxes[:, :2])
    np.maximum.at(high, phrase, truth.boxes[:, 2:])
    has_boxes = counts > 0
    offsets = np.concatenate([[0], np.cumsum(has_boxes)])
    return replace(truth, boxes=np.concatenate([low, high], 1)[has_boxes], box_offsets=offsets)


def iou(first: Corners, second: Corners) -> NDArray[np.float64]:
    """Intersection over union (N,) of the boxes in equal rows."""
    first, second = (
        np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        for corners in (first, second)
    )
    return box_iou(first, second, np.zeros(len(first), dtype=np.bool_))


def giou(first: Corners, second: Corners) -> NDArray[np.float64]:
    """Generalised IoU (N,) of the boxes in equal rows (Rezatofighi et al. 2019)."""
    overlap: NDArray[np.float64] = tensor_giou(
        torch.from_numpy(first), torch.from_numpy(second)
    ).numpy()
    return overlap


def recalls(
    truth: PhraseTruth, ranks: NDArray[np.int64], limits: Mapping[str, int], suffix: str
) -> dict[str, float]:
    """Recall at each limit by its name and suffix, and of each kind of phrase by name/<kind>.

    `ranks` are those of `first_correct_ranks`.
    """
    figures = {f"{name}{suffix}": recall_at(ranks, limit) for name, limit in limits.items()}
    for kind in sorted({kind for kinds in truth.kinds or () for kind in kinds}):
        is_kind = np.asarray([kind in kinds for kinds in truth.kinds or ()])
        for name, limit in limits.items():
            figures[f"{name}{suffix}/{kind}"] = recall_at(ranks[is_kind], limit)
    return figures


def recall_at(ranks: NDArray[np.int64], limit: int) -> float:
    """Share of phrases with a correct detection among the best `limit`; NaN without phrases."""
    return float((ranks < limit).mean()) if len(ranks) else float("nan")


def missed_phrases(truth: PhraseTruth, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """(I,) number of phrases of each caption whose best box is wrong or missing.

    `ranks` are those of `first_correct_ranks`.
    """
    wrong = np.concatenate([[0], np.cumsum(ranks > 0)])
    return np.diff(wrong[truth.phrases])
