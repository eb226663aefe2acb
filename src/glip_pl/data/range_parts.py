"""Finished ranges of a source: what is known of each, and how their indexes become one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.column_files import ColumnFiles
from glip_pl.data.index import COLUMNS
from glip_pl.data.index_integrity import read_sealed
from glip_pl.data.index_writer import IndexWriter
from glip_pl.data.problems import Problems

ROWS = 4_000_000
"""Numbers that are copied at a time."""

RANGE = "range.json"
"""File of a finished range that holds what its index does not: see `Part`."""


@dataclass(frozen=True)
class Part:
    """What is known of a finished range besides its records."""

    folder: Path
    seen: int  # records, usable or not
    ids: int  # image ids that were counted from 0
    shards: list[int]  # numbers of the shards of its records
    names: dict[int, str | None]  # see `RangeContents.names`
    problems: Problems

    @classmethod
    def open(cls, folder: Path, stamp: Any) -> Self:
        """Raises OSError, KeyError, TypeError or ValueError if it is absent, damaged or stale."""
        content = read_sealed(folder / RANGE)
        if content["stamp"] != stamp:
            raise ValueError(f"{folder} is of other files")
        names = {int(label): name for label, name in content["names"].items()}
        problems = Problems(1, *content["problems"])
        return cls(folder, content["seen"], content["ids"], content["shards"], names, problems)


def join(parts: Sequence[Part], names: Sequence[str], writer: IndexWriter) -> None:
    """Append the records of all parts to an index with these categories."""
    ids = 0
    for part in parts:
        meta = read_sealed(part.folder / "meta.json")
        before = writer.columns.rows["image_ids"]
        for shard, first in zip(part.shards, meta["blocks"][:-1], strict=True):
            writer.begin(shard, before + first)
        labels = _labels(part.names, names)
        for name in COLUMNS:
            file = part.folder / f"{name}.bin"
            _copy(file, name, writer.columns, ids, labels if name == "targets" else None)
        ids += part.ids


def _labels(own: Mapping[int, str | None], names: Sequence[str]) -> NDArray[np.int32] | None:
    """The label (labels of the part,) in `names` of each of a part; None if they are the same.

    Only readers without captions, whose targets are labels throughout, give labels of their own.
    """
    if all(name in (None, names[label]) for label, name in own.items()):
        return None
    label_of = {name: label for label, name in enumerate(names)}
    return np.asarray([label_of[own[label] or ""] for label in range(len(own))], dtype=np.int32)


def _copy(
    file: Path, name: str, columns: ColumnFiles, ids: int, labels: NDArray[np.int32] | None
) -> None:
    """Append a column of a part: offsets and image ids count on from those of earlier parts."""
    dtype, _ = COLUMNS[name]
    values = np.fromfile(file, dtype) if not file.stat().st_size else np.memmap(file, dtype, "r")
    start = columns.ends.get(name, ids if name == "image_ids" else 0)
    first = 1 if name in columns.ends else 0
    for row in range(first, len(values), ROWS):
        chunk = np.asarray(values[row : row + ROWS])
        chunk = chunk if labels is None else labels[chunk]
        columns.append(name, chunk + chunk.dtype.type(start) if start else chunk)
    if name in columns.ends and len(values) > 1:
        columns.ends[name] = start + int(values[-1])
