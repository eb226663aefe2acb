"""Numbers that describe a source."""

from typing import Any

import numpy as np

from glip_pl.data.filtering import BoxFilter
from glip_pl.data.index import Index

SMALL, LARGE = 32**2, 96**2
"""Areas in pixels that part COCO's small, medium and large boxes."""


def stats(index: Index, box_filter: BoxFilter | None = None) -> dict[str, Any]:
    """Counts, sizes, and how often each category occurs; `box_filter` counts what a run uses."""
    kept = np.ones(len(index.boxes.values), dtype=bool)
    if box_filter is not None:
        kept = box_filter.of(index).above()
    owners = np.repeat(np.arange(len(index)), index.boxes.lengths())[kept]
    per_image = np.bincount(owners, minlength=len(index))
    corners = index.boxes.values[kept]
    sides = corners[:, 2:] - corners[:, :2] + 1
    areas = sides.prod(1)
    found: dict[str, Any] = {
        "images": len(index),
        "boxes": int(kept.sum()),
        "images without boxes": int((per_image == 0).sum()),
        "boxes per image": _spread(per_image),
        "box width": _spread(sides[:, 0]),
        "box height": _spread(sides[:, 1]),
        "small / medium / large boxes": _shares(areas),
        "image width": _spread(index.sizes[:, 1]),
        "image height": _spread(index.sizes[:, 0]),
    }
    captioned = np.asarray(index.captioned)
    if captioned.any():
        characters = index.captions.bytes.lengths()[captioned]
        phrases = np.diff(index.phrase_offsets)[captioned]
        found["captions"] = int(captioned.sum())
        found["caption bytes"] = _spread(characters)
        found["phrases per caption"] = _spread(phrases)
        found["boxes per phrase"] = round(found["boxes"] / max(int(phrases.sum()), 1), 2)
    if index.names:
        labels = index.targets.values[kept & np.repeat(~captioned, index.boxes.lengths())]
        counts = np.bincount(labels, minlength=len(index.names))
        order = np.argsort(-counts, kind="stable")
        found["categories"] = {index.names[one]: int(counts[one]) for one in order}
    return found


def _spread(values: Any) -> str:
    """Mean, and the range that holds nine tenths."""
    if len(values) == 0:
        return "none"
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return f"mean {np.mean(values):.1f}, median {middle:.0f}, 90 % in {low:.0f} to {high:.0f}"


def _shares(areas: Any) -> str:
    if len(areas) == 0:
        return "none"
    parts = (areas < SMALL, (areas >= SMALL) & (areas < LARGE), areas >= LARGE)
    return " / ".join(f"{100 * part.mean():.0f} %" for part in parts)
