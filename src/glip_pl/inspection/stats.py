"""Statistics of a source."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.filtering import BoxFilter
from glip_pl.data.index import Index

MEDIUM, LARGE = 32**2, 96**2
"""Areas in pixels from which COCO calls boxes medium and large."""


def stats(index: Index, box_filter: BoxFilter | None = None) -> dict[str, Any]:
    """Counts, sizes and the frequency of every category, by name.

    With a `box_filter` only the boxes that it keeps are counted.
    """
    kept = np.ones(len(index.boxes.values), dtype=bool)
    if box_filter is not None:
        kept = box_filter.of(index).above()
    statistics = _box_statistics(index, kept)
    captioned = np.asarray(index.captioned)
    if captioned.any():
        statistics |= _caption_statistics(index, captioned, statistics["boxes"])
    if index.names:
        statistics["categories"] = _category_counts(index, kept, captioned)
    return statistics


def _box_statistics(index: Index, kept: NDArray[np.bool_]) -> dict[str, Any]:
    """Statistics of images and of the boxes in the mask `kept` (N,)."""
    image_of_box = np.repeat(np.arange(len(index)), index.boxes.lengths())[kept]
    per_image = np.bincount(image_of_box, minlength=len(index))
    corners = index.boxes.values[kept]
    sides = corners[:, 2:] - corners[:, :2] + 1
    return {
        "images": len(index),
        "boxes": int(kept.sum()),
        "images without boxes": int((per_image == 0).sum()),
        "boxes per image": _spread(per_image),
        "box width": _spread(sides[:, 0]),
        "box height": _spread(sides[:, 1]),
        "small / medium / large boxes": _size_shares(sides.prod(1)),
        "image width": _spread(index.sizes[:, 1]),
        "image height": _spread(index.sizes[:, 0]),
    }


def _caption_statistics(
    index: Index, captioned: NDArray[np.bool_], box_count: int
) -> dict[str, Any]:
    """Statistics of the records in the mask `captioned` (I,)."""
    phrases = np.diff(index.phrase_offsets)[captioned]
    return {
        "captions": int(captioned.sum()),
        "caption bytes": _spread(index.captions.bytes.lengths()[captioned]),
        "phrases per caption": _spread(phrases),
        "boxes per phrase": round(box_count / max(int(phrases.sum()), 1), 2),
    }


def _category_counts(
    index: Index, kept: NDArray[np.bool_], captioned: NDArray[np.bool_]
) -> dict[str, int]:
    """Number of boxes of each category, in descending order."""
    labels = index.targets.values[kept & np.repeat(~captioned, index.boxes.lengths())]
    counts = np.bincount(labels, minlength=len(index.names))
    order = np.argsort(-counts, kind="stable")
    return {index.names[category]: int(counts[category]) for category in order}


def _spread(values: NDArray[Any]) -> str:
    """Mean, median, and the range between the 5 % and the 95 % quantile."""
    if len(values) == 0:
        return "none"
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return f"mean {np.mean(values):.1f}, median {middle:.0f}, 90 % in {low:.0f} to {high:.0f}"


def _size_shares(areas: NDArray[Any]) -> str:
    """Shares of small, medium and large boxes."""
    if len(areas) == 0:
        return "none"
    groups = (areas < MEDIUM, (areas >= MEDIUM) & (areas < LARGE), areas >= LARGE)
    return " / ".join(f"{100 * group.mean():.0f} %" for group in groups)
