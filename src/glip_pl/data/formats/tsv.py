"""The TSV format of the official GLIP code: base64 pictures and their labels, tied by a YAML."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from glip_pl.data.formats.tsv_chunk import TsvChunk
from glip_pl.data.formats.tsv_labels import record_of
from glip_pl.data.formats.tsv_rows import offsets_file, read_row, row_offsets
from glip_pl.data.images import HOW_TO_GET_DATA, decode_image, matching
from glip_pl.data.problems import Problems
from glip_pl.data.ranges import Names, RangeContents
from glip_pl.data.records import Contents, Record
from glip_pl.errors import UserError


@dataclass(frozen=True)
class TsvImages:
    """Pictures by "<number of the file>:<byte offset of the row>"; the last column is base64."""

    files: tuple[Path, ...]

    def read(self, name: str) -> bytes:
        """The encoded picture. Raises UserError if the row is broken."""
        number, _, offset = name.partition(":")
        file = self.files[int(number)]
        try:
            row = read_row(file, int(offset))
            return base64.b64decode(row.rpartition(b"\t")[2], validate=True)
        except ValueError as error:
            raise UserError(f"the image at byte {offset} of {file}: {error}") from error

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if the row is broken."""
        return decode_image(self.read(name), f"{name} of {self.files[int(name.split(':')[0])]}")


RANGE_ROWS = 200_000
"""Label rows of a range, which take one process some seconds; with fewer, nothing is gained."""


class TsvRange(NamedTuple):
    """Neighbouring entries of a chunk's list of label rows."""

    chunk: int
    first: int
    end: int
    seen: int  # entries of the source before these


@dataclass(frozen=True)
class TsvYaml:
    """Detection data, captions with boxes (both versions), or captions alone.

    `annotations` is a YAML file that names img and label and perhaps hw, linelist, labelmap and
    imageid2idx, or a glob of the YAML files of several chunks.
    """

    annotations: str | Path

    @cached_property
    def chunks(self) -> Sequence[TsvChunk]:
        """One chunk per YAML file. Raises UserError if there is none."""
        sources = matching(str(self.annotations))
        if not sources:
            raise UserError(f"no such file: {self.annotations}. {HOW_TO_GET_DATA}")
        return [TsvChunk.read(source) for source in sources]

    @property
    def files(self) -> Sequence[Path]:
        """The YAML files and the files in them; for pictures the list of offsets, if it exists."""
        return [file for chunk in self.chunks for file in chunk.files()]

    def open_images(self) -> TsvImages:
        """The picture files of all chunks."""
        return TsvImages(tuple(chunk.img for chunk in self.chunks))

    def read(self, problems: Problems) -> Contents:
        """One record per label row, or per row of the linelist, which may repeat rows."""
        labels = self._labels()
        return Contents(self._all_records(labels, problems), list(labels))

    def ranges(self) -> list[TsvRange]:
        """Neighbouring rows; none if these are few, or if no files list where rows start."""
        listed = (offsets_file(file) for one in self.chunks for file in (one.img, one.label))
        if not all(file.is_file() for file in listed):
            return []
        ranges, seen = [], 0
        for number, chunk in enumerate(self.chunks):
            rows = len(chunk.label_rows(len(row_offsets(chunk.label))))
            for first in range(0, rows, RANGE_ROWS):
                end = min(first + RANGE_ROWS, rows)
                ranges.append(TsvRange(number, first, end, seen + first))
            seen += rows
        return ranges if seen > RANGE_ROWS else []

    def stamp_of(self, part: TsvRange) -> list[object]:
        """The rows, and names, sizes and modification times of the chunk's files."""
        stats = {file: file.stat() for file in self.chunks[part.chunk].files()}
        return [part, *([str(file), s.st_size, s.st_mtime_ns] for file, s in stats.items())]

    def read_range(self, part: TsvRange, problems: Problems) -> RangeContents:
        """The records of some rows of a chunk."""
        rows = _ChunkRows(self.chunks[part.chunk], part.chunk)
        return RangeContents(self._records(rows, part, self._labels(), problems), count(), {})

    def all_names(self, of_ranges: Sequence[Names], flawed: bool) -> list[str]:
        """The categories of the label maps."""
        return list(self._labels())

    def _labels(self) -> dict[str, int]:
        """The categories of all chunks with their labels."""
        labels: dict[str, int] = {}
        for chunk in self.chunks:
            for name in chunk.names():
                labels.setdefault(name, len(labels))
        return labels

    def _all_records(self, labels: Mapping[str, int], problems: Problems) -> Iterator[Record]:
        seen = 0
        for number, chunk in enumerate(self.chunks):
            rows = _ChunkRows(chunk, number)
            part = TsvRange(number, 0, len(rows), seen)
            yield from self._records(rows, part, labels, problems)
            seen += len(rows)

    def _records(
        self, rows: "_ChunkRows", part: TsvRange, labels: Mapping[str, int], problems: Problems
    ) -> Iterator[Record]:
        for seen, row in enumerate(rows.used[part.first : part.end], part.seen + 1):
            try:
                yield rows.record(row, seen - 1, labels)
            except MALFORMED as error:
                message = f"{rows.chunk.label}: row {row} is malformed: {error!r:.200}"
                problems.error("malformed row", message, seen)


MALFORMED = (LookupError, TypeError, ValueError, ArithmeticError, RecursionError)
"""Errors that reading a damaged row raises."""


class _ChunkRows:
    """Byte offsets of the rows of a chunk's files."""

    def __init__(self, chunk: TsvChunk, number: int) -> None:
        self.chunk = chunk
        self.number = number  # of the chunk, by which its pictures are named
        self.pictures = row_offsets(chunk.img)
        self.labels = row_offsets(chunk.label)
        self.sizes = None if chunk.hw is None else row_offsets(chunk.hw)
        self.used = chunk.label_rows(len(self.labels))  # rows of the label file, in their order

    def __len__(self) -> int:
        return len(self.used)

    def record(self, row: int, default_id: int, labels: Mapping[str, int]) -> Record:
        """The record of a label row, whose key is its id if it is a number.

        Raises one of MALFORMED if a row is damaged.
        """
        key, text = self.chunk.read_label(int(self.labels[row]))
        size = None if self.sizes is None else self.chunk.read_size(int(self.sizes[row]))
        label = json.loads(text)
        picture = self.pictures[self.chunk.picture_row(label, row)]
        image_id = int(key) if key.isdigit() and len(key) < 18 else default_id
        return record_of(label, f"{self.number}:{picture}", image_id, size, labels)
