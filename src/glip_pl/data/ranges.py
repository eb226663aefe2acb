"""Indexes a source of many files in ranges, by several processes, and joins the results.

A range that is finished stays in a folder beside the index: after an interruption only unfinished
ranges are read again.
"""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np

from glip_pl.data.category_names import note_repeated
from glip_pl.data.column_files import ColumnFiles
from glip_pl.data.index import COLUMNS
from glip_pl.data.index_integrity import read_sealed, sealed
from glip_pl.data.index_writer import IndexWriter, OutOfImage
from glip_pl.data.problems import SHOWN, Problems
from glip_pl.data.records import Reader, Record
from glip_pl.errors import UserError
from glip_pl.files.leftovers import remove_leftovers
from glip_pl.files.writing import partial_folder

FILES = 16
"""Files of a range: at ten thousand samples each, a few minutes for one process."""

ROWS = 4_000_000
"""Numbers that are copied at a time when ranges are joined."""

RANGE = "range.json"
"""File of a finished range that holds what its index does not: see `Part`."""

RANGES = ".ranges"
"""Suffix of the folder for finished ranges, beside the index that they will be."""

Range = tuple[int, int]
"""The first file, and the first file after the range."""


class RangeContents(NamedTuple):
    """The records of a range; the other fields are complete once all have been read."""

    records: Iterator[Record]  # image ids count from 0
    ids: Iterator[int]  # its next value is the number of image ids that were given
    names: dict[int, str]  # of categories, by label; empty if they do not come from the records


@runtime_checkable
class RangedReader(Protocol):
    """A reader whose files can be read independently of one another."""

    @property
    def count(self) -> int:
        """Number of its files."""

    def stamp_of(self, files: Range) -> Any:
        """What changes when a file of the range changes."""

    def read_range(self, files: Range, problems: Problems) -> RangeContents:
        """The records of some files."""

    def all_names(self, of_ranges: Sequence[Mapping[int, str]]) -> list[str] | None:
        """The categories of all ranges; None if the names of the ranges contradict one another."""


@dataclass(frozen=True)
class Part:
    """What is known of a finished range besides its records."""

    folder: Path
    seen: int  # records, usable or not
    ids: int  # image ids
    names: dict[int, str]
    problems: Problems

    @classmethod
    def open(cls, folder: Path, stamp: Any) -> Self:
        """Raises OSError, KeyError, TypeError or ValueError if it is absent, damaged or stale."""
        content = read_sealed(folder / RANGE)
        if content["stamp"] != stamp:
            raise ValueError(f"{folder} is of other files")
        names = {int(label): name for label, name in content["names"].items()}
        problems = Problems(1, *content["problems"])
        return cls(folder, content["seen"], content["ids"], names, problems)


def is_ranged(reader: Reader) -> bool:
    """Whether a reader has so many files that several processes should read them."""
    return isinstance(reader, RangedReader) and reader.count > FILES


def write_range(
    reader: RangedReader, files: Range, folder: Path, source: str, out_of_image: OutOfImage
) -> None:
    """Index a range of files into a folder, which appears when it is complete."""
    remove_leftovers(folder)
    stamp = reader.stamp_of(files)
    problems = Problems(tolerate=1)
    with partial_folder(folder) as partial:
        contents = reader.read_range(files, problems)
        with IndexWriter(partial, source, problems, out_of_image) as writer:
            seen = writer.write_records(contents.records)
            writer.finish(())
        state = {
            "stamp": stamp,
            "seen": seen,
            "ids": next(contents.ids),
            "names": {str(label): name for label, name in contents.names.items()},
            "problems": [problems.counts, problems.examples, problems.errors],
        }
        (partial / RANGE).write_text(json.dumps(sealed(state)))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)


def write_in_ranges(
    reader: RangedReader,
    folder: Path,
    finished: Path,
    source: str,
    problems: Problems,
    out_of_image: OutOfImage,
) -> bool:
    """Write an index of all files to `folder`; False if only one process can make it.

    That is the case if what is wrong with a sample depends on names in other ranges. `finished` is
    the folder for ranges. Raises UserError as reading the whole source would.
    """
    parts = _read_ranges(reader, finished, source, problems, out_of_image)
    names = reader.all_names([part.names for part in parts])
    depends = any(part.names for part in parts) and any(part.problems.errors for part in parts)
    if names is None or depends:
        return False
    for part in parts:
        _add(problems, part.problems)
    note_repeated(names, source, problems)
    problems.judge(sum(part.seen for part in parts))
    with IndexWriter(folder, source, problems, out_of_image) as writer:
        _join(parts, writer)
        writer.finish(names)
    return True


def _read_ranges(
    reader: RangedReader, finished: Path, source: str, problems: Problems, out_of_image: OutOfImage
) -> list[Part]:
    """All ranges; those that are not finished are read by several processes."""
    finished.mkdir(parents=True, exist_ok=True)
    stopped = Event()

    def read(first: int) -> Part:
        if stopped.is_set():
            raise UserError(f"{source} was not indexed to its end")
        place = finished / f"{first:06d}"
        files = (first, min(first + FILES, reader.count))
        try:
            return Part.open(place, reader.stamp_of(files))
        except (OSError, KeyError, TypeError, ValueError):
            _run(reader, files, place, source, out_of_image, stopped)
            return Part.open(place, reader.stamp_of(files))

    parts = []
    with ThreadPoolExecutor(processes()) as pool, _set_at_end(stopped):
        for part in pool.map(read, range(0, reader.count, FILES)):
            parts.append(part)
            if part.problems.errors and not (problems.tolerate or part.names):
                _add(problems, part.problems)  # raises
    return parts


@contextmanager
def _set_at_end(event: Event) -> Iterator[None]:
    """Set an event when the block ends: after an error no other range is begun."""
    try:
        yield
    finally:
        event.set()


def processes() -> int:
    """How many processes index at once: one for each processor core of this process."""
    cores = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return len(cores)


def _run(
    reader: RangedReader,
    files: Range,
    folder: Path,
    source: str,
    out_of_image: OutOfImage,
    stopped: Event,
) -> None:
    """Index a range in another process. Raises UserError, and sets `stopped`, if it fails."""
    call = pickle.dumps((reader, files, folder, source, out_of_image))
    command = [sys.executable, "-m", "glip_pl.data.range_process"]
    ended = subprocess.run(command, input=call, capture_output=True, check=False)
    if ended.returncode:
        stopped.set()
        said = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise UserError(
            f"indexing files {files[0]} to {files[1] - 1} of {source} ended with the code "
            f"{ended.returncode} ({' '.join(said)}); started again, only unfinished ranges are read"
        )


def _add(problems: Problems, of_range: Problems) -> None:
    """Add the problems of a range. Raises UserError if an error is one too many."""
    if problems.tolerate == 0 and of_range.errors:
        raise UserError(next(iter(of_range.examples.values()))[0])
    problems.errors += of_range.errors
    for kind, count in of_range.counts.items():
        problems.counts[kind] = problems.counts.get(kind, 0) + count
        examples = problems.examples.setdefault(kind, [])
        examples += of_range.examples.get(kind, [])[: SHOWN - len(examples)]


def _join(parts: Sequence[Part], writer: IndexWriter) -> None:
    """Append the records of all ranges to an index."""
    ids = 0
    for part in parts:
        meta = read_sealed(part.folder / "meta.json")
        before = dict(writer.columns.rows)
        writer.blocks += [first + before["image_ids"] for first in meta["blocks"][:-1]]
        for name in COLUMNS:
            _copy(part.folder / f"{name}.bin", name, writer.columns, ids)
        ids += part.ids


def _copy(file: Path, name: str, columns: ColumnFiles, ids: int) -> None:
    """Append a column of a range: offsets and image ids count on from those of earlier ranges."""
    dtype, _ = COLUMNS[name]
    values = np.fromfile(file, dtype) if not file.stat().st_size else np.memmap(file, dtype, "r")
    start = columns.ends.get(name, ids if name == "image_ids" else 0)
    first = 1 if name in columns.ends else 0
    for row in range(first, len(values), ROWS):
        chunk = np.asarray(values[row : row + ROWS])
        columns.append(name, chunk + chunk.dtype.type(start) if start else chunk)
    if name in columns.ends and len(values) > 1:
        columns.ends[name] = start + int(values[-1])
