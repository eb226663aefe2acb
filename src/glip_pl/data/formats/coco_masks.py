"""Boxes around COCO's masks: polygons, and run lengths in both forms."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from pycocotools import mask as runs

COMPRESSED = re.compile(r"(?:[P-o]{0,6}[0-O])+")
"""Numbers of up to 35 bits as COCO packs them; the library reads beyond the end of other texts."""


def box_of_mask(segmentation: Any, size: tuple[int, int]) -> list[float] | None:
    """The box [x, y, width, height] around a mask, in pixels; None if it is none, or malformed.

    A mask is a list of polygons, or {"size": [height, width], "counts": run lengths}, whose size
    must be that of its picture (height, width).
    """
    try:
        if isinstance(segmentation, Mapping):
            return _box_of_runs(segmentation, size)
        return _box_of_polygons(segmentation)
    except (TypeError, ValueError, LookupError, OverflowError):
        return None


def _box_of_polygons(polygons: Any) -> list[float] | None:
    """The box around polygons of at least three points [x, y, x, y, ...].

    Raises TypeError or ValueError for anything else.
    """
    if not polygons:
        return None
    if not isinstance(polygons[0], list):
        polygons = [polygons]
    corners = [np.asarray(polygon, dtype=np.float64).reshape(-1, 2) for polygon in polygons]
    if any(len(polygon) < 3 for polygon in corners):
        raise ValueError("a polygon has fewer than three points")
    points = np.concatenate(corners)
    low, high = points.min(0), points.max(0)
    box: list[float] = [*low.tolist(), *(high - low).tolist()]
    return box


def _box_of_runs(mask: Mapping[str, Any], size: tuple[int, int]) -> list[float]:
    """Raises LookupError, OverflowError, TypeError or ValueError if they are malformed."""
    height, width = (int(side) for side in mask["size"])
    counts = mask["counts"]
    if (height, width) != size or min(size) <= 0:
        raise ValueError("a mask of another size than its picture")
    if isinstance(counts, str):
        if not COMPRESSED.fullmatch(counts):
            raise ValueError("counts that are cut off or no run lengths")
        packed = {"size": [height, width], "counts": counts}
    else:
        lengths = [int(count) for count in counts]
        if min(lengths) < 0 or sum(lengths) != height * width:
            raise ValueError("run lengths that do not fill the picture")
        packed = runs.frPyObjects({"size": [height, width], "counts": lengths}, height, width)
    box: list[float] = runs.toBbox(packed).tolist()
    return box
