"""Flat storage: a million rows in three numpy arrays instead of a million Python objects.

Python objects are reference counted, so that every loader worker that reads one copies its memory
page; arrays of numbers stay shared, and lie in a file that all processes map.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Ragged(Generic[Value]):
    """Rows of different lengths in one array."""

    values: NDArray[Value]  # (sum of lengths, ...)
    offsets: NDArray[np.int64]  # (rows + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Value]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def lengths(self) -> NDArray[np.int64]:
        """How many values each row has."""
        return np.diff(self.offsets)


@dataclass(frozen=True, eq=False)
class Strings:
    """Texts, as UTF-8 in one byte array."""

    bytes: Ragged[np.uint8]

    def __len__(self) -> int:
        return len(self.bytes)

    def __getitem__(self, row: int) -> str:
        return self.bytes[row].tobytes().decode()


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each row starts, and where the last one ends, (rows + 1,)."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
