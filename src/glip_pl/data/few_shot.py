"""A few pictures of every category: the k-shot subsets of the official GLIP code (paper 5.1)."""

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

    Pictures are visited in the order of their ids, or with a `seed` in a random order. A picture is
    taken if any of its categories still needs pictures, and counts for all of its categories.
    """

    count: int | Literal["full"] = "full"
    seed: int | None = None

    def __post_init__(self) -> None:
        """Raises UserError for anything but a number above zero, or "full"."""
        if self.count != "full" and not (isinstance(self.count, int) and self.count > 0):
            raise UserError(f"shots={self.count!r} must be a number from 1 on, or full for all")

    def rows(self, index: Index, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The chosen ones of the records `rows`, in their order. Raises UserError for captions."""
        if self.count == "full":
            return rows
        if index.captioned[rows].any():
            raise UserError("shots are pictures of categories, and this source has captions")
        order = np.argsort(index.image_ids[rows], kind="stable")
        if self.seed is not None:
            order = np.random.default_rng(self.seed).permutation(order)
        categories = [sorted(set(index.targets[int(row)].tolist())) for row in rows]
        return rows[_choose(order.tolist(), categories, self.count)]


def _choose(order: Sequence[int], categories: Sequence[Sequence[int]], count: int) -> list[int]:
    """Indices of the taken pictures, ascending; `categories` are those of each picture."""
    needed: dict[int, int] = {}
    taken = []
    for picture in order:
        if any(needed.get(category, count) > 0 for category in categories[picture]):
            taken.append(picture)
            for category in categories[picture]:
                needed[category] = needed.get(category, count) - 1
    return sorted(taken)
