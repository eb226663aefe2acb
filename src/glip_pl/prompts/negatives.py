"""Which categories a detection image's training prompt names (GLIP's sampling, per sample)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glip_pl.errors import UserError

TOKEN_BUDGET = 254
"""Tokens for names and separators; 256 less the two special ones."""


@dataclass(frozen=True)
class CategorySampler:
    """All categories in the image that fit, and random others up to a number and the budget.

    A prompt asks for `max_negatives` others with `full_probability`, for none with
    `none_probability`, and else for a uniform number from 1; drawn others that are in the image
    are not replaced. Unless it is to `shuffle`, categories stay in the order of their ids.
    """

    max_negatives: int = 85
    full_probability: float = 0.5
    none_probability: float = 0.0
    shuffle: bool = True
    budget: int = TOKEN_BUDGET

    def __post_init__(self) -> None:
        """Raises UserError if the probabilities are none."""
        parts = (self.full_probability, self.none_probability)
        if min(parts) < 0 or sum(parts) > 1 or self.max_negatives < 0:
            raise UserError(
                f"full_probability={parts[0]} and none_probability={parts[1]} must add up to a "
                f"probability, and max_negatives={self.max_negatives} be 0 or more"
            )

    def always_all(self, lengths: Sequence[int]) -> bool:
        """Whether every prompt has all categories in order; `lengths` as below."""
        enough = self.full_probability == 1 and self.max_negatives >= len(lengths)
        return enough and not self.shuffle and sum(lengths) < self.budget

    def __call__(
        self, present: Sequence[int], lengths: Sequence[int], random: np.random.Generator
    ) -> list[int]:
        """Category indices in prompt order; `lengths` holds the tokens of every "name. "."""
        positives, left = [], self.budget
        for category in random.permutation(np.asarray(present, dtype=np.int64)).tolist():
            if lengths[category] > left:
                break
            positives.append(category)
            left -= lengths[category]
        pool = min(self.max_negatives, len(lengths))
        count = self._count(pool, random)
        drawn = random.choice(len(lengths), size=count, replace=False).tolist()
        in_image = set(present)
        negatives = []
        for category in drawn:
            if category in in_image:
                continue
            left -= lengths[category]
            if left <= 0:
                break
            negatives.append(category)
        if not self.shuffle:
            return sorted(positives + negatives)
        return [int(i) for i in random.permutation(np.asarray(positives + negatives, np.int64))]

    def _count(self, pool: int, random: np.random.Generator) -> int:
        """How many others to draw of a pool."""
        chance = random.random()
        if chance < self.full_probability:
            return pool
        if pool == 0 or chance < self.full_probability + self.none_probability:
            return 0
        return int(random.integers(1, pool + 1))
