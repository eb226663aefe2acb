"""From matched detections to average precision and recall, as COCO and LVIS define them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glip_pl.metrics.matching import IOUS, SIZES, MatchedDetections

RECALLS = np.linspace(0.0, 1.0, 101)
"""Recalls at which precision is read."""


@dataclass(frozen=True, eq=False)
class Curves:
    """S sizes, T IoU thresholds, C categories; nan where there was nothing to find."""

    precision: NDArray[np.float64]  # (S, T, C) mean over recalls
    recalls: Sequence[NDArray[np.float64]]  # per limit (S, T, C) recall of the best so many


def curves(matched: MatchedDetections, limits: Sequence[int | None] = (None,)) -> Curves:
    """Precision of all detections, and recall of the best `limits` of each image and category."""
    shape = (len(SIZES), len(IOUS), matched.box_counts.shape[1])
    precision = np.full(shape, np.nan)
    recalls = [np.full(shape, np.nan) for _ in limits]
    ends = np.searchsorted(matched.found.labels, np.arange(shape[2] + 1))
    for category in np.flatnonzero(matched.box_counts.any(0)):
        mine = np.arange(ends[category], ends[category + 1])
        mine = mine[np.argsort(-matched.found.scores[mine], kind="stable")]
        sizes = np.flatnonzero(matched.box_counts[:, category])
        total = matched.box_counts[sizes, category][:, None, None]
        counted = ~matched.ignored[:, :, mine][sizes]
        right = matched.right[:, :, mine][sizes] & counted
        hits = np.cumsum(right, axis=-1, dtype=np.float64)
        seen = np.cumsum(counted, axis=-1, dtype=np.float64)
        precision[sizes, :, category] = _areas(hits / total, hits / (seen + np.spacing(1)))
        for limit, recall in zip(limits, recalls, strict=True):
            among = True if limit is None else matched.ranks[mine] < limit
            recall[sizes, :, category] = (right & among).sum(-1) / total[..., 0]
    return Curves(precision, recalls)


def _areas(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, T) mean over recalls of the precision (S, T, D)."""
    result = np.zeros(recall.shape[:2])
    for place in np.ndindex(result.shape):
        result[place] = at_recalls(recall[place], precision[place]).mean()
    return result


def at_recalls(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """(101,) the best precision (D,) from each recall on; 0 where no detection gets so far."""
    reached = np.maximum.accumulate(precision[::-1])[::-1]
    return np.append(reached, 0.0)[np.searchsorted(recall, RECALLS, side="left")]


class OperatingPoint(NamedTuple):
    """What boxes of this score or more reach at IoU 0.5."""

    score: float
    precision: float
    recall: float


def precision_curve(matched: MatchedDetections, category: int) -> NDArray[np.float64]:
    """(101,) of a category of any size at IoU 0.5."""
    curve = _by_score(matched, category)
    return at_recalls(curve.recall, curve.precision)


def best_f1(matched: MatchedDetections, category: int) -> OperatingPoint | None:
    """Where precision and recall balance best, the highest such score; None if nothing is right."""
    curve = _by_score(matched, category)
    total = np.maximum(np.spacing(1), curve.precision + curve.recall)
    value = 2 * curve.precision * curve.recall / total
    value[np.flatnonzero(np.diff(curve.score) == 0)] = 0  # a score takes all boxes that have it
    if not value.any():
        return None
    best = int(value.argmax())
    return OperatingPoint(*(float(one[best]) for one in curve))


class _ByScore(NamedTuple):
    """D detections of a category that count, the best first."""

    score: NDArray[np.float64]  # (D,)
    precision: NDArray[np.float64]  # (D,) of it and all better ones
    recall: NDArray[np.float64]


def _by_score(matched: MatchedDetections, category: int) -> _ByScore:
    mine = np.flatnonzero((matched.found.labels == category) & ~matched.ignored[0, 0])
    mine = mine[np.argsort(-matched.found.scores[mine], kind="stable")]
    hits = np.cumsum(matched.right[0, 0, mine])
    total = max(1, int(matched.box_counts[0, category]))
    return _ByScore(matched.found.scores[mine], hits / np.arange(1, len(mine) + 1), hits / total)


def mean(values: NDArray[np.float64]) -> float:
    """Over all that is not nan; nan if nothing is left."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")


def summary(found: Curves) -> dict[str, float]:
    """AP, AP50, AP75 and AP by size."""
    result = {"AP": mean(found.precision[0])}
    for percent in (50, 75):
        (threshold,) = np.flatnonzero(np.isclose(IOUS, percent / 100))
        result[f"AP{percent}"] = mean(found.precision[0, threshold])
    for size, letter in enumerate(SIZES):
        if letter:
            result[f"AP{letter}"] = mean(found.precision[size])
    return result


def per_category_figures(found: Curves, names: Sequence[str]) -> dict[str, float]:
    """AP/<name> of every category that there is to find."""
    values = found.precision[0].mean(0)
    return {
        f"AP/{name}": float(value)
        for name, value in zip(names, values, strict=True)
        if not np.isnan(value)
    }
