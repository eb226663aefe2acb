"""Few pictures of every category: the official k-shot subset (GLIP's program, paper 5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.index import Index
from glip_pl.errors import UserError


@dataclass(frozen=True)
class FewShot:
    """At least `count` pictures of every category, or "full": all pictures.

    Pictures are walked through in the order of their ids, or with a `seed` in a random one. One is
    taken if any of its categories still needs pictures, and counts for all of its categories.
    """

    count: int | Literal["full"] = "full"
    seed: int | None = None

    def __post_init__(self) -> None:
        """Raises UserError for anything but a number above zero, or "full"."""
        if self.count != "full" and not (isinstance(self.count, int) and self.count > 0):
            raise UserError(f"shots={self.count!r} must be a number from 1 on, or full for all")

    def rows(self, index: Index, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The chosen ones of some records, in their order. Raises UserError for captions."""
        if self.count == "full":
            return rows
        if index.captioned[rows].any():
            raise UserError("shots are pictures of categories, and this source has captions")
        walk = np.argsort(index.image_ids[rows], kind="stable")
        if self.seed is not None:
            walk = np.random.default_rng(self.seed).permutation(walk)
        categories = [sorted(set(index.targets[int(row)].tolist())) for row in rows]
        return rows[_chosen(walk.tolist(), categories, self.count)]


def _chosen(walk: Sequence[int], categories: Sequence[Sequence[int]], count: int) -> list[int]:
    """Places that are taken, ascending."""
    needed: dict[int, int] = {}
    taken = []
    for place in walk:
        if any(needed.get(one, count) > 0 for one in categories[place]):
            taken.append(place)
            for one in categories[place]:
                needed[one] = needed.get(one, count) - 1
    return sorted(taken)
