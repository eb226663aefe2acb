"""Object Detection in the Wild (ODinW): the mean AP over 13 or 35 tasks, all weighted equally."""

from collections.abc import Mapping
from statistics import mean, median


def average(ap: Mapping[str, float | None]) -> dict[str, float]:
    """Mean and median over tasks of an AP in 0..1; None is a task without a result.

    NaN if no task has a result.
    """
    values = [value for value in ap.values() if value is not None]
    if not values:
        return {"AP": float("nan"), "AP_median": float("nan")}
    return {"AP": mean(values), "AP_median": median(values)}
