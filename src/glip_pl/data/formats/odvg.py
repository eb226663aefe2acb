"""ODVG: one JSON object per line (MM-Grounding-DINO, Open-GroundingDino, LLMDet)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from glip_pl.data.formats.label_map import (
    add_names,
    joined_names,
    label_map_beside,
    names_in_order,
    read_label_map,
)
from glip_pl.data.formats.odvg_lines import records_of
from glip_pl.data.formats.text_lines import Lines, line_ranges, read_lines
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.problems import Problems
from glip_pl.data.ranges import Names, RangeContents
from glip_pl.data.records import Contents, Record
from glip_pl.errors import UserError

RANGE_BYTES = 64 << 20
"""Bytes of a range, which take one process some seconds."""

MALFORMED = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)
"""Errors that reading a damaged line raises; RecursionError if it is nested too deep."""


@dataclass(frozen=True)
class OdvgJsonl:
    """Detection lines, grounding lines, or both in one file or even in one line.

    `label_map` is a JSON file from "0", "1", ... to names; without it the file label_map.json
    beside the lines is used, or else the names in the detection lines, in the order of their
    labels.
    """

    annotations: str | Path
    images: str | Path | Sequence[str | Path]
    label_map: str | Path | None = None

    @property
    def files(self) -> Sequence[Path]:
        """The file of lines, and the label map."""
        label_map = self._label_map()
        return [Path(self.annotations), *([] if label_map is None else [label_map])]

    def open_images(self) -> ImageFolder:
        """The folder or folders of the pictures."""
        return ImageFolder.at(self.images)

    def read(self, problems: Problems) -> Contents:
        """One record per line, or two if it has both kinds of boxes; ids are line numbers."""
        names = self._names()
        return Contents(self._records(len(names), problems), names)

    def ranges(self) -> list[Lines]:
        """Neighbouring lines; a file of less than two ranges is not divided."""
        path = Path(self.annotations)
        return line_ranges(path, RANGE_BYTES) if path.stat().st_size >= 2 * RANGE_BYTES else []

    def stamp_of(self, lines: Lines) -> list[int]:
        """Size and modification time of the file, and where the lines are."""
        stat = Path(self.annotations).stat()
        return [stat.st_size, stat.st_mtime_ns, *lines]

    def read_range(self, lines: Lines, problems: Problems) -> RangeContents:
        """The records of some lines; ids are line numbers of the file."""
        label_map = self._label_map()
        if label_map is not None:
            records = self._records(len(read_label_map(label_map)), problems, lines)
            return RangeContents(records, count(), {})
        names: dict[int, str | None] = {}
        return RangeContents(self._records(None, problems, lines, names), count(), names)

    def all_names(self, of_ranges: Sequence[Names], flawed: bool) -> list[str] | None:
        """The categories; None if a label has several names or none, which makes its lines bad."""
        if (label_map := self._label_map()) is not None:
            return read_label_map(label_map)
        joined = None if flawed and any(of_ranges) else joined_names(of_ranges)
        return None if joined is None else names_in_order(joined, Path(self.annotations))

    def _label_map(self) -> Path | None:
        given = self.label_map
        return label_map_beside(Path(self.annotations)) if given is None else Path(given)

    def _names(self) -> list[str]:
        label_map = self._label_map()
        if label_map is not None:
            return read_label_map(label_map)
        path = Path(self.annotations)
        names_by_label: dict[int, str] = {}
        for number, line in _read_objects(path, Problems(tolerate=1.0)):
            try:
                add_names(names_by_label, _instances(line))
            except UserError as error:
                raise UserError(f"{path}: line {number + 1}: {error}") from error
            except MALFORMED:
                continue  # it is reported when the line is read again
        return names_in_order(names_by_label, path)

    def _records(
        self,
        category_count: int | None,
        problems: Problems,
        lines: Lines | None = None,
        names: dict[int, str | None] | None = None,
    ) -> Iterator[Record]:
        """The records of some or all lines; with `names`, what boxes call labels is added there."""
        path = Path(self.annotations)
        for number, line in _read_objects(path, problems, lines):
            try:
                records = records_of(line, number, category_count)
                if names is not None:
                    _note_names(names, _instances(line))
            except (UserError, *MALFORMED) as error:
                message = f"{path}: line {number + 1} is malformed: {error!r:.200}"
                problems.error("malformed line", message, number + 1)
            else:
                yield from records


def _read_objects(
    path: Path, problems: Problems, lines: Lines | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers, from 0, and the objects of the lines; empty lines are skipped."""
    for number, line in read_lines(path, lines):
        if not line.strip():
            continue
        try:
            yield number, _parse_line(line)
        except (ValueError, RecursionError) as error:
            message = f"{path}: line {number + 1} is not a JSON object: {error!s:.200}"
            problems.error("line that is not JSON", message, number + 1)


def _note_names(names: dict[int, str | None], instances: Sequence[Mapping[str, Any]]) -> None:
    """Add the names that boxes give their labels, and None for labels without one so far.

    Raises UserError if a label has two names.
    """
    own: dict[int, str] = {}
    add_names(own, instances)
    for label in {int(instance["label"]) for instance in instances}:
        name = own.get(label)
        known = names.setdefault(label, name)
        if known is None:
            names[label] = name
        elif name not in (None, known):
            raise UserError(f"the label {label} is called {known!r} and {name!r}")


def _parse_line(line: bytes) -> dict[str, Any]:
    """Raises ValueError or RecursionError if the line is not a JSON object."""
    content = json.loads(line)
    if not isinstance(content, dict):
        raise ValueError("it is another kind of JSON")
    return content


def _instances(line: Mapping[str, Any]) -> list[Any]:
    """The objects of a detection line; none if the line has another form."""
    detection = line.get("detection")
    instances = detection.get("instances") if isinstance(detection, dict) else None
    if not isinstance(instances, list):
        return []
    return [instance for instance in instances if isinstance(instance, dict)]
