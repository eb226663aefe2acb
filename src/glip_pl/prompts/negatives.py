"""Draws the categories in the training prompt of a detection image, as the official code does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glip_pl.errors import UserError

TOKEN_BUDGET = 254
"""Tokens for names and separators: 256 without the two special ones."""


@dataclass(frozen=True)
class CategorySampler:
    """The categories in an image (positives) and random others (negatives), within a token budget.

    `max_negatives` categories are drawn as negatives with `full_probability`, none with
    `none_probability`, and otherwise a uniform number from 1 on; drawn categories that are in the
    image are left out and not replaced. Without `shuffle`, categories are in the order of their
    ids.
    """

    max_negatives: int = 85
    full_probability: float = 0.5
    none_probability: float = 0.0
    shuffle: bool = True
    budget: int = TOKEN_BUDGET

    def __post_init__(self) -> None:
        """Raises UserError for impossible probabilities or a negative number."""
        full, none = self.full_probability, self.none_probability
        if min(full, none) < 0 or full + none > 1 or self.max_negatives < 0:
            raise UserError(
                f"full_probability={full} and none_probability={none} must be 0 or more with a "
                f"sum of at most 1, and max_negatives={self.max_negatives} must be 0 or more"
            )

    def always_all(self, lengths: Sequence[int]) -> bool:
        """Whether every prompt has all categories in order; `lengths` as for a call."""
        enough = self.full_probability == 1 and self.max_negatives >= len(lengths)
        return enough and not self.shuffle and sum(lengths) < self.budget

    def __call__(
        self,
        present: Sequence[int],
        lengths: Sequence[int],
        random: np.random.Generator,
        absent: NDArray[np.int64] | None = None,
    ) -> list[int]:
        """Categories in the order of the prompt; `lengths` are the tokens of every "name. ".

        With `absent`, the categories that are known to be absent, these are drawn first, and others
        only as far as they are too few: what a model is asked together, it has to read together.
        """
        positives, tokens_left = [], self.budget
        for category in random.permutation(np.asarray(present, dtype=np.int64)).tolist():
            if lengths[category] > tokens_left:
                break
            positives.append(category)
            tokens_left -= lengths[category]
        pool = min(self.max_negatives, len(lengths))
        count = self._count(pool, random)
        if absent is None:
            drawn = random.choice(len(lengths), size=count, replace=False).tolist()
        else:
            others = np.setdiff1d(np.arange(len(lengths)), absent)
            first, then = random.permutation(absent), random.permutation(others)
            drawn = [*first.tolist(), *then.tolist()][:count]
        in_image = set(present)
        negatives = []
        for category in drawn:
            if category in in_image:
                continue
            tokens_left -= lengths[category]
            if tokens_left <= 0:
                break
            negatives.append(category)
        if not self.shuffle:
            return sorted(positives + negatives)
        return [int(i) for i in random.permutation(np.asarray(positives + negatives, np.int64))]

    def _count(self, pool: int, random: np.random.Generator) -> int:
        """How many negatives to draw if there can be at most `pool`."""
        chance = random.random()
        if chance < self.full_probability:
            return pool
        if pool == 0 or chance < self.full_probability + self.none_probability:
            return 0
        return int(random.integers(1, pool + 1))
