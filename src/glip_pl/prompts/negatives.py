"""Which categories a detection image's training prompt names (GLIP's sampling, per sample)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TOKEN_BUDGET = 254
"""Tokens for names and separators; 256 less the two special ones."""


@dataclass(frozen=True)
class CategorySampler:
    """All categories in the image that fit, and random others up to a number and the budget.

    Half of the prompts (`full_probability`) ask for `max_negatives` others, the rest for a
    uniform number from 1; drawn others that are in the image are not replaced.
    """

    max_negatives: int = 85
    full_probability: float = 0.5
    budget: int = TOKEN_BUDGET

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
        full = random.random() < self.full_probability
        count = pool if full else int(random.integers(1, pool + 1))
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
        return [int(i) for i in random.permutation(np.asarray(positives + negatives, np.int64))]
