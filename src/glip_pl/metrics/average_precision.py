"""From matched detections to average precision and recall, as COCO and LVIS define them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glip_pl.metrics.matching import IOUS, SIZES, MatchedDetections

RECALLS = np.linspace(0.0, 1.0, 101)
"""Recall values at which average precision samples the precision."""


@dataclass(frozen=True, eq=False)
class PrecisionAndRecall:
    """For S sizes, T IoU thresholds and C categories; NaN where there are no ground-truth boxes."""

    average_precision: NDArray[np.float64]  # (S, T, C) precision, averaged over RECALLS
    recalls: Sequence[NDArray[np.float64]]  # (S, T, C) for each limit of detections


def precision_and_recall(
    matched: MatchedDetections, limits: Sequence[int | None] = (None,)
) -> PrecisionAndRecall:
    """Average precision of all detections, and recall within each of several limits.

    A limit is the number of best detections of each image and category that count; None: all.
    """
    shape = (len(SIZES), len(IOUS), matched.box_counts.shape[1])
    average_precision = np.full(shape, np.nan)
    recalls = [np.full(shape, np.nan) for _ in limits]
    ends = np.searchsorted(matched.detections.labels, np.arange(shape[2] + 1))
    for category in np.flatnonzero(matched.box_counts.any(0)):
        rows = np.arange(ends[category], ends[category + 1])
        rows = rows[np.argsort(-matched.detections.scores[rows], kind="stable")]
        sizes = np.flatnonzero(matched.box_counts[:, category])
        total = matched.box_counts[sizes, category][:, None, None]
        counted = ~matched.is_ignored[:, :, rows][sizes]
        correct = matched.is_matched[:, :, rows][sizes] & counted
        hits = np.cumsum(correct, axis=-1, dtype=np.float64)
        seen = np.cumsum(counted, axis=-1, dtype=np.float64)
        average_precision[sizes, :, category] = _areas(hits / total, hits / (seen + np.spacing(1)))
        for limit, recall in zip(limits, recalls, strict=True):
            within = True if limit is None else matched.ranks[rows] < limit
            recall[sizes, :, category] = (correct & within).sum(-1) / total[..., 0]
    return PrecisionAndRecall(average_precision, recalls)


def _areas(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas (S, T) under the curves of precision (S, T, D) over recall (S, T, D)."""
    result = np.zeros(recall.shape[:2])
    for index in np.ndindex(result.shape):
        result[index] = precision_at_recalls(recall[index], precision[index]).mean()
    return result


def precision_at_recalls(
    recall: NDArray[np.float64], precision: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(101,) the largest precision (D,) at each of RECALLS or more; 0 where none is reached."""
    reached = np.maximum.accumulate(precision[::-1])[::-1]
    return np.append(reached, 0.0)[np.searchsorted(recall, RECALLS, side="left")]


class OperatingPoint(NamedTuple):
    """Precision and recall at IoU 0.5 of the boxes with at least this score."""

    score: float
    precision: float
    recall: float


def precision_curve(matched: MatchedDetections, category: int) -> NDArray[np.float64]:
    """(101,) precision of a category at RECALLS, for boxes of any size at IoU 0.5."""
    curve = _curve_by_score(matched, category)
    return precision_at_recalls(curve.recall, curve.precision)


def best_f1(matched: MatchedDetections, category: int) -> OperatingPoint | None:
    """The score threshold with the largest F1 at IoU 0.5, of several the highest.

    None if no detection of the category is correct.
    """
    curve = _curve_by_score(matched, category)
    total = np.maximum(np.spacing(1), curve.precision + curve.recall)
    f1 = 2 * curve.precision * curve.recall / total
    # A threshold includes all detections with equal scores: only the last of them is a candidate.
    f1[np.flatnonzero(np.diff(curve.score) == 0)] = 0
    if not f1.any():
        return None
    best = int(f1.argmax())
    return OperatingPoint(*(float(values[best]) for values in curve))


class _CurveByScore(NamedTuple):
    """The D detections of a category that count, in descending order of score."""

    score: NDArray[np.float64]  # (D,)
    precision: NDArray[np.float64]  # (D,) of this and all better detections
    recall: NDArray[np.float64]  # (D,) of this and all better detections


def _curve_by_score(matched: MatchedDetections, category: int) -> _CurveByScore:
    """Precision and recall of a category for boxes of any size at IoU 0.5."""
    scores = matched.detections.scores
    rows = np.flatnonzero((matched.detections.labels == category) & ~matched.is_ignored[0, 0])
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    hits = np.cumsum(matched.is_matched[0, 0, rows])
    total = max(1, int(matched.box_counts[0, category]))
    return _CurveByScore(scores[rows], hits / np.arange(1, len(rows) + 1), hits / total)


def mean_of_numbers(values: NDArray[np.float64]) -> float:
    """The mean of all values that are not NaN; NaN if there are none."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")


def ap_figures(result: PrecisionAndRecall) -> dict[str, float]:
    """AP, AP50, AP75 and AP by box size, averaged over categories."""
    figures = {"AP": mean_of_numbers(result.average_precision[0])}
    for percent in (50, 75):
        (threshold,) = np.flatnonzero(np.isclose(IOUS, percent / 100))
        figures[f"AP{percent}"] = mean_of_numbers(result.average_precision[0, threshold])
    for size, letter in enumerate(SIZES):
        if letter:
            figures[f"AP{letter}"] = mean_of_numbers(result.average_precision[size])
    return figures


def per_category_figures(result: PrecisionAndRecall, names: Sequence[str]) -> dict[str, float]:
    """AP/<name> of every category with ground-truth boxes."""
    values = result.average_precision[0].mean(0)
    return {
        f"AP/{name}": float(value)
        for name, value in zip(names, values, strict=True)
        if not np.isnan(value)
    }
