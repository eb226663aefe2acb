"""Which categories were looked for in each picture, so that no other is learned as absent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.index import Index
from glip_pl.errors import UserError, some

LookedFor = Literal["all", "listed"] | Sequence[str]
"""The setting `looked_for`: every category in every picture, those that the annotation file lists
for each picture, or these names in every picture."""


@dataclass(frozen=True, eq=False)
class KnownLabels:
    """What is known about each picture of a source beside its boxes."""

    index: Index
    searched: frozenset[int] | None = None  # labels looked for in every picture; None: listed ones

    @classmethod
    def of(cls, index: Index, looked_for: LookedFor, source: str) -> Self | None:
        """What the setting says; None if every category was looked for in every picture.

        Raises UserError, naming the `source`, if it lists nothing or names unknown categories.
        """
        if looked_for == "all":
            return None
        if index.captioned.any():
            raise UserError(
                f"{source} has captions, and looked_for={looked_for!r} is about categories: set "
                "looked_for=all"
            )
        if looked_for == "listed":
            if not index.listed.any() and not len(index.not_exhaustive.values):
                raise UserError(
                    f"{source} lists no categories for its images (looked_for_category_ids, or "
                    "LVIS's neg_category_ids and not_exhaustive_category_ids), and the setting "
                    "looked_for=listed needs them: give the names that were looked for in all "
                    "images, looked_for=[name, ...], or set looked_for=all"
                )
            return cls(index)
        label_of = {name: label for label, name in enumerate(index.names)}
        unknown = [name for name in looked_for if name not in label_of]
        if unknown or isinstance(looked_for, str):
            names = unknown if not isinstance(looked_for, str) else [looked_for]
            raise UserError(
                f"looked_for has {some(names)}, and {source} has the categories "
                f"{some(list(index.names))}; other values are all and listed"
            )
        return cls(index, frozenset(label_of[name] for name in looked_for))

    def absent(self, row: int, present: Sequence[int]) -> NDArray[np.int64]:
        """Labels that are known to be absent from a picture with boxes of the labels `present`."""
        if self.searched is None and self.index.listed[row]:
            return np.setdiff1d(self.index.absent[row].astype(np.int64), present)
        known = range(len(self.index.names)) if self.searched is None else sorted(self.searched)
        uncertain = np.union1d(np.asarray(present, np.int64), self.index.not_exhaustive[row])
        return np.setdiff1d(np.asarray(known, dtype=np.int64), uncertain)

    def exhaustive(self, row: int, present: Sequence[int]) -> NDArray[np.int64]:
        """Labels of which a picture shows no other object than those in boxes."""
        boxed = np.asarray(present, dtype=np.int64)
        if self.searched is not None:
            boxed = boxed[np.isin(boxed, sorted(self.searched))]
        return np.setdiff1d(
            np.union1d(self.absent(row, present), boxed), self.index.not_exhaustive[row]
        )
