"""Files of lines, and ranges of their lines that can be read by themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

MAX_LINE = 16 << 20
"""Bytes of a line that are read at most; no record is longer. A longer one counts as several."""


class Lines(NamedTuple):
    """Neighbouring lines of a file."""

    start: int  # byte at which the first one starts
    end: int  # byte after the last one
    number: int  # of the first one, from 0


def read_lines(path: Path, lines: Lines | None = None) -> Iterator[tuple[int, bytes]]:
    """The numbers of lines in their file, and the lines; of the whole file without `lines`."""
    with path.open("rb") as file:
        if lines is None:
            yield from enumerate(_all_lines(file))
            return
        position = file.seek(lines.start)
        for number, line in enumerate(_all_lines(file), lines.number):
            yield number, line
            position += len(line)
            if position >= lines.end:
                return


def line_ranges(path: Path, size: int) -> list[Lines]:
    """All lines of a file in ranges of at least `size` bytes, but for the last one."""
    ranges = []
    start, first, position = 0, 0, 0
    with path.open("rb") as file:
        for number, line in enumerate(_all_lines(file), 1):
            position += len(line)
            if position - start >= size:
                ranges.append(Lines(start, position, first))
                start, first = position, number
    return [*ranges, Lines(start, position, first)] if position > start else ranges


def _all_lines(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.readline(MAX_LINE), b"")
