"""At which place the first right box of each phrase stands."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from glip_pl.boxes import giou as box_giou
from glip_pl.data.truth import PhraseTruth
from glip_pl.metrics.detections_table import DetectionsTable, ranks
from glip_pl.metrics.matching import box_iou

Boxes = NDArray[np.float64]
"""Corners (N, 4) whose width is x2 - x1."""

THRESHOLD = 0.5
NEVER = 2**62
"""Place of a right box that was not found."""


def first_right(
    truth: PhraseTruth, found: DetectionsTable, overlap: Callable[[Boxes, Boxes], Boxes]
) -> NDArray[np.int64]:
    """(P,) how many better boxes stand before the first with overlap 0.5 with any of the phrase's.

    Equal scores keep the order of the detections.
    """
    phrases = truth.phrases[found.images] + found.labels
    order = np.lexsort((-found.scores, phrases))
    phrases, boxes = phrases[order], found.boxes[order]
    counts = np.diff(truth.box_offsets)[phrases]
    detection = np.repeat(np.arange(len(phrases)), counts)
    within = np.arange(len(detection)) - np.repeat(np.cumsum(counts) - counts, counts)
    target = truth.boxes[truth.box_offsets[phrases][detection] + within]
    right = detection[overlap(boxes[detection], target) >= THRESHOLD]
    result = np.full(len(truth.box_offsets) - 1, NEVER)
    np.minimum.at(result, phrases[right], ranks(phrases)[right])
    return result


def merged(truth: PhraseTruth) -> PhraseTruth:
    """With the boxes of each phrase replaced by the smallest one around them."""
    counts = np.diff(truth.box_offsets)
    phrase = np.repeat(np.arange(len(counts)), counts)
    low, high = np.full((len(counts), 2), np.inf), np.full((len(counts), 2), -np.inf)
    np.minimum.at(low, phrase, truth.boxes[:, :2])
    np.maximum.at(high, phrase, truth.boxes[:, 2:])
    filled = counts > 0
    offsets = np.concatenate([[0], np.cumsum(filled)])
    return replace(truth, boxes=np.concatenate([low, high], 1)[filled], box_offsets=offsets)


def iou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """(N,) intersection over union."""
    one, other = (
        np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        for boxes in (first, second)
    )
    return box_iou(one, other, np.zeros(len(one), dtype=np.bool_))


def giou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """(N,) generalised IoU (Rezatofighi et al. 2019)."""
    found: NDArray[np.float64] = box_giou(*map(torch.from_numpy, (first, second))).numpy()
    return found


def share(places: NDArray[np.int64], limit: int) -> float:
    """Part of the phrases with a right box among the first `limit`; nan if there is none."""
    return float((places < limit).mean()) if len(places) else float("nan")


def missed_phrases(truth: PhraseTruth, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """(I,) how many phrases of each caption have a wrong best box, or none."""
    wrong = np.concatenate([[0], np.cumsum(places > 0)])
    return np.diff(wrong[truth.phrases])
