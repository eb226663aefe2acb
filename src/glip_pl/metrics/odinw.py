"""Object Detection in the Wild: the plain mean over 13 or 35 tasks."""

from collections.abc import Mapping
from statistics import mean, median


def average(ap: Mapping[str, float | None]) -> dict[str, float]:
    """Mean and median AP in 0..1 over the tasks that have one; nan if none has."""
    values = [value for value in ap.values() if value is not None]
    if not values:
        return {"AP": float("nan"), "AP_median": float("nan")}
    return {"AP": mean(values), "AP_median": median(values)}
