"""Flat storage: a million rows in a few numpy arrays instead of a million Python objects.

Python objects are reference counted: a loader worker that reads one writes its counter and so gets
a copy of the memory page. Arrays of numbers stay shared, in files that all processes map.
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
        """Number of values of each row, (rows,)."""
        return np.diff(self.offsets)


@dataclass(frozen=True, eq=False)
class Strings:
    """Texts, stored as UTF-8 in one byte array."""

    bytes: Ragged[np.uint8]

    def __len__(self) -> int:
        return len(self.bytes)

    def __getitem__(self, row: int) -> str:
        return self.bytes[row].tobytes().decode()


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Start of each row of these lengths, and the end of the last row, (rows + 1,)."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
