"""Indexes a large source in ranges, by several processes, and joins the results.

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
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from glip_pl.data.category_names import note_repeated
from glip_pl.data.index_integrity import sealed
from glip_pl.data.index_writer import IndexWriter, OutOfImage
from glip_pl.data.problems import SHOWN, Problems
from glip_pl.data.range_parts import RANGE, Part, join
from glip_pl.data.records import Reader, Record
from glip_pl.errors import UserError
from glip_pl.files.hashing import key_of
from glip_pl.files.leftovers import remove_leftovers
from glip_pl.files.writing import partial_folder

RANGES = ".ranges"
"""Suffix of the folder for finished ranges, beside the index that they will be."""

Range = Any
"""A part of a source as its reader names it, such as the numbers of files: it can be pickled."""

Item = TypeVar("Item")

Names = Mapping[int, str | None]
"""Categories by label; None for a label that boxes have and nothing in the range names."""


class RangeContents(NamedTuple):
    """The records of a range; the other fields are complete once all have been read.

    A reader whose image ids are those of the whole source leaves `ids` as it is.
    """

    records: Iterator[Record]  # image ids count from 0
    ids: Iterator[int]  # its next value is the number of image ids that were given
    names: Names  # empty if categories do not come from the records; labels may be of the range


@runtime_checkable
class RangedReader(Protocol):
    """A reader whose source can be read in parts, independently of one another."""

    def ranges(self) -> Sequence[Range]:
        """The parts in their order, each of some seconds at least; one or none if it is small."""

    def stamp_of(self, part: Range) -> Any:
        """What tells the part from others, and its files from what they were; JSON can hold it."""

    def read_range(self, part: Range, problems: Problems) -> RangeContents:
        """The records of a part."""

    def all_names(self, of_ranges: Sequence[Names], flawed: bool) -> list[str] | None:
        """The categories of all ranges.

        None if only one process can tell them, or which records are bad (`flawed`: some are).
        """


def in_parts(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Items in parts of this size, but for the last one."""
    return [items[first : first + size] for first in range(0, len(items), size)]


def ranges_of(reader: Reader) -> Sequence[Range]:
    """The ranges of a source that several processes should read; none if one process should."""
    ranges = reader.ranges() if isinstance(reader, RangedReader) else ()
    return ranges if len(ranges) > 1 else ()


def write_range(
    reader: RangedReader, part: Range, folder: Path, source: str, out_of_image: OutOfImage
) -> None:
    """Index a range into a folder, which appears when it is complete."""
    remove_leftovers(folder)
    stamp = _stamp(reader, part)
    problems = Problems(tolerate=1)
    with partial_folder(folder) as partial:
        contents = reader.read_range(part, problems)
        with IndexWriter(partial, source, problems, out_of_image) as writer:
            seen = writer.write_records(contents.records)
            writer.finish(())
        state = {
            "stamp": stamp,
            "seen": seen,
            "ids": next(contents.ids),
            "shards": writer.shards,
            "names": {str(label): name for label, name in contents.names.items()},
            "problems": [problems.counts, problems.examples, problems.errors],
        }
        (partial / RANGE).write_text(json.dumps(sealed(state)))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)


def write_in_ranges(
    reader: RangedReader,
    ranges: Sequence[Range],
    folder: Path,
    finished: Path,
    source: str,
    problems: Problems,
    out_of_image: OutOfImage,
) -> bool:
    """Write an index of all ranges to `folder`; False if only one process can make it.

    `finished` is the folder for ranges. Raises UserError as reading the whole source would.
    """
    parts = _read_ranges(reader, ranges, finished, source, problems, out_of_image)
    flawed = any(part.problems.errors for part in parts)
    names = reader.all_names([part.names for part in parts], flawed)
    if names is None:
        return False
    for part in parts:
        _add(problems, part.problems)
    note_repeated(names, source, problems)
    problems.judge(sum(part.seen for part in parts))
    with IndexWriter(folder, source, problems, out_of_image) as writer:
        join(parts, names, writer)
        writer.finish(names)
    return True


def _read_ranges(
    reader: RangedReader,
    ranges: Sequence[Range],
    finished: Path,
    source: str,
    problems: Problems,
    out_of_image: OutOfImage,
) -> list[Part]:
    """All ranges; those that are not finished are read by several processes."""
    finished.mkdir(parents=True, exist_ok=True)
    stopped = Event()

    def read(number: int) -> Part:
        if stopped.is_set():
            raise UserError(f"{source} was not indexed to its end")
        place, part = finished / f"{number:06d}", ranges[number]
        try:
            return Part.open(place, _stamp(reader, part))
        except (OSError, KeyError, TypeError, ValueError):
            failed = _run(reader, part, place, source, out_of_image)
        if failed is not None:
            stopped.set()
            raise UserError(
                f"indexing range {number + 1} of {len(ranges)} of {source} ended with {failed}; "
                "started again, only unfinished ranges are read"
            )
        return Part.open(place, _stamp(reader, part))

    parts = []
    with ThreadPoolExecutor(processes()) as pool, _set_at_end(stopped):
        for part in pool.map(read, range(len(ranges))):
            parts.append(part)
            if part.problems.errors and not (problems.tolerate or part.names):
                _add(problems, part.problems)  # raises
    return parts


def _stamp(reader: RangedReader, part: Range) -> str:
    return key_of({"stamp": reader.stamp_of(part)})


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
    reader: RangedReader, part: Range, folder: Path, source: str, out_of_image: OutOfImage
) -> str | None:
    """Index a range in another process; returns how that ended if it failed."""
    call = pickle.dumps((reader, part, folder, source, out_of_image))
    command = [sys.executable, "-m", "glip_pl.data.range_process"]
    ended = subprocess.run(command, input=call, capture_output=True, check=False)
    if not ended.returncode:
        return None
    said = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return f"the code {ended.returncode} ({' '.join(said)})"


def _add(problems: Problems, of_range: Problems) -> None:
    """Add the problems of a range. Raises UserError if an error is one too many."""
    if problems.tolerate == 0 and of_range.errors:
        raise UserError(next(iter(of_range.examples.values()))[0])
    problems.errors += of_range.errors
    for kind, count in of_range.counts.items():
        problems.counts[kind] = problems.counts.get(kind, 0) + count
        examples = problems.examples.setdefault(kind, [])
        examples += of_range.examples.get(kind, [])[: SHOWN - len(examples)]
