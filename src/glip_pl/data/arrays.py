"""Flat storage: a million rows in three numpy arrays instead of a million Python objects.

Python objects are reference counted, so that every loader worker that reads one copies its memory
page; arrays of numbers stay shared.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths in one array."""

    values: NDArray[np.generic]  # (sum of lengths, ...)
    offsets: NDArray[np.int64]  # (rows + 1,)

    @classmethod
    def from_owners(
        cls, values: NDArray[np.generic], owners: NDArray[np.int64], rows: int
    ) -> "Ragged":
        """Values grouped by the row that owns each; order inside a row is kept."""
        order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=rows)
        return cls(values[order], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.generic]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def lengths(self) -> NDArray[np.int64]:
        """How many values each row has."""
        return np.diff(self.offsets)


@dataclass(frozen=True, eq=False)
class Strings:
    """Texts in one byte array."""

    bytes: Ragged

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Strings":
        """Pack texts as UTF-8."""
        encoded = [text.encode() for text in texts]
        lengths = [len(text) for text in encoded]
        values = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return cls(Ragged(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)))

    def __len__(self) -> int:
        return len(self.bytes)

    def __getitem__(self, row: int) -> str:
        return self.bytes[row].tobytes().decode()
