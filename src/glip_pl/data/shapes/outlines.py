"""Outlines beyond the shapes of ShapesWorld: many made at random, and a few that people know."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

RANDOM = tuple(
    f"{first}{second}"
    for first in ("bo", "ka", "mi", "tu", "ze", "la", "do", "ri")
    for second in ("lun", "pex", "nar", "sib", "gom")
)
"""Invented names of the random outlines, one for each."""

SEED = 93
"""Of the random outlines; with it none shares 70 % of the joint area with one of POLYGONS."""

POLYGONS: dict[str, list[tuple[float, float]]] = {
    "arrow": [(0, -1), (0.8, -0.1), (0.3, -0.1), (0.3, 1), (-0.3, 1), (-0.3, -0.1), (-0.8, -0.1)],
    "hourglass": [
        *[(-0.75, -0.95), (0.75, -0.95), (0.12, 0)],
        *[(0.75, 0.95), (-0.75, 0.95), (-0.12, 0)],
    ],
    "lightning bolt": [
        *[(0.3, -1), (-0.6, 0.15), (-0.05, 0.15)],
        *[(-0.3, 1), (0.6, -0.2), (0.05, -0.2)],
    ],
    "letter l": [
        *[(-0.7, -0.95), (-0.15, -0.95), (-0.15, 0.4)],
        *[(0.75, 0.4), (0.75, 0.95), (-0.7, 0.95)],
    ],
    "mushroom": [
        *[(0.95 * np.cos(turn), 0.1 - 0.95 * np.sin(turn)) for turn in np.linspace(0, np.pi, 17)],
        *[(-0.28, 0.1), (-0.28, 0.95), (0.28, 0.95), (0.28, 0.1)],
    ],
    "fish": [
        *[(0.62 * np.cos(turn) - 0.35, 0.5 * np.sin(turn)) for turn in np.linspace(0.35, 5.93, 21)],
        *[(0.95, -0.55), (0.95, 0.55)],
    ],
}
"""Corners of each known outline, roughly in the unit disc, y down."""


@cache
def outline_of(name: str) -> NDArray[np.float64]:
    """Corners (K, 2) of an outline. Raises ValueError if there is none of this name."""
    if name in POLYGONS:
        return np.array(POLYGONS[name], dtype=np.float64)
    if name not in RANDOM:
        raise ValueError(f"no shape {name!r}")
    random = np.random.default_rng((RANDOM.index(name), SEED))
    half = int(random.integers(3, 7))
    near_or_far = np.where(random.random(half) < 0.5, 0.3, 0.95) + random.uniform(-0.1, 0.05, half)
    turns = (np.arange(half) + random.uniform(0.25, 0.75, half)) * np.pi / half
    right = near_or_far[:, None] * np.stack([np.sin(turns), -np.cos(turns)], axis=1)
    left = right[::-1] * [-1, 1]  # symmetric, as most things with a name are
    points = np.concatenate([right, left]) * [random.uniform(0.5, 1.0), 1.0]
    middle = (points.max(0) + points.min(0)) / 2
    turned = (points - middle) @ _quarter_turn(int(random.integers(4)))
    scaled: NDArray[np.float64] = turned / np.abs(turned).max() * 0.95
    return scaled


def _quarter_turn(count: int) -> NDArray[np.int64]:
    """The rotation (2, 2) by a number of right angles."""
    return np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), count)
