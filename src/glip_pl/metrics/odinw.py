"""Object Detection in the Wild: the plain mean over 13 or 35 tasks, and the file for its server."""

from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import Any


def average(ap: Mapping[str, float | None]) -> dict[str, float]:
    """Mean and median AP in 0..1 over the tasks that have one; nan if none has."""
    values = [value for value in ap.values() if value is not None]
    if not values:
        return {"AP": float("nan"), "AP_median": float("nan")}
    return {"AP": mean(values), "AP_median": median(values)}


def submission(detections: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Any]]:
    """EvalAI's form for zero-shot and full-shot: COCO results by official task name."""
    return {name: list(results) for name, results in detections.items()}
