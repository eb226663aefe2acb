"""Pascal VOC: an XML file for each picture, lists of pictures in ImageSets/Main."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from glip_pl.data.formats.voc_files import VocFiles, find_files
from glip_pl.data.formats.voc_xml import MALFORMED, Pictures, names_in, parse
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.problems import Problems
from glip_pl.data.ranges import Names, RangeContents, in_parts
from glip_pl.data.records import Contents, Record

RANGE_FILES = 50_000
"""XML files of a range, which take one process some seconds; with fewer, nothing is gained."""


class VocRange(NamedTuple):
    """Files of a split, or of other splits, of which only the categories count."""

    xml: Sequence[tuple[Path, int]]  # with image ids
    others: Sequence[Path]
    pictures: Sequence[Path]  # folders


@dataclass(frozen=True)
class VocXml:
    """Detection data below a folder with Annotations, JPEGImages and perhaps ImageSets/Main.

    A folder per split with XML files beside the pictures, as Roboflow exports it, is read too.
    Categories are `names`, or else all that occur in any split, sorted. Objects marked difficult
    are left out.
    """

    annotations: str | Path
    split: str | None = None  # a file of ImageSets/Main or a folder; None: all pictures
    names: Sequence[str] | None = None

    @cached_property
    def _files(self) -> VocFiles:
        return find_files(Path(self.annotations), self.split)

    @property
    def files(self) -> Sequence[Path]:
        """The list of pictures, if there is one, and the XML files."""
        listing = [] if self._files.listing is None else [self._files.listing]
        others = self._files.others if self.names is None else ()
        return [*listing, *self._files.xml, *others]

    def open_images(self) -> ImageFolder:
        """The folders that pictures may lie in."""
        return ImageFolder.at(self._files.pictures)

    def read(self, problems: Problems) -> Contents:
        """One record per XML file."""
        files = self._files
        parsed = list(_parsed(self._numbered(), files.pictures, problems))
        names = self.names
        if names is None:
            found = {name for _, box_names in parsed for name in box_names}
            names = sorted(found.union(*map(names_in, files.others)))
        names = [str(name) for name in names]
        label_of = _labels_of(names)
        records = [self._labelled(*one, label_of, problems) for one in parsed]
        return Contents(iter(records), names)

    def ranges(self) -> list[VocRange]:
        """Neighbouring files of the split, then those of other splits if their names count."""
        files, numbered = self._files, self._numbered()
        others = files.others if self.names is None else ()
        if len(numbered) + len(others) <= RANGE_FILES:
            return []
        return [
            *(VocRange(part, (), files.pictures) for part in in_parts(numbered, RANGE_FILES)),
            *(VocRange((), part, files.pictures) for part in in_parts(others, RANGE_FILES)),
        ]

    def stamp_of(self, part: VocRange) -> list[list[Any]]:
        """Names, sizes and modification times of the files."""
        stats = {file: file.stat() for file in (*(file for file, _ in part.xml), *part.others)}
        return [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in stats.items()]

    def read_range(self, part: VocRange, problems: Problems) -> RangeContents:
        """One record per XML file of the split; labels count from 0 without the setting `names`."""
        names: dict[int, str | None] = {}
        return RangeContents(self._range_records(part, names, problems), count(), names)

    def all_names(self, of_ranges: Sequence[Names], flawed: bool) -> list[str]:
        """The categories; a broken file is broken whatever they are."""
        if self.names is not None:
            return [str(name) for name in self.names]
        return sorted({name for names in of_ranges for name in names.values() if name is not None})

    def __getstate__(self) -> dict[str, Any]:
        """The settings alone for another process, without the list of files."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _numbered(self) -> list[tuple[Path, int]]:
        """The files of the split with their image ids."""
        xml = self._files.xml
        return list(zip(xml, _image_ids(xml), strict=True))

    def _range_records(
        self, part: VocRange, names: dict[int, str | None], problems: Problems
    ) -> Iterator[Record]:
        """The records of a range; without the setting `names`, categories are added to `names`."""
        label_of = _labels_of([str(name) for name in self.names or ()])
        for record, box_names in _parsed(part.xml, part.pictures, problems):
            if self.names is None:
                _add_labels(label_of, names, box_names)
            yield self._labelled(record, box_names, label_of, problems)
        for file in part.others:
            _add_labels(label_of, names, sorted(names_in(file)))

    def _labelled(
        self,
        record: Record,
        box_names: Sequence[str],
        label_of: Mapping[str, int],
        problems: Problems,
    ) -> Record:
        """A record with the labels of its boxes, without those whose category is not known."""
        known = np.asarray([name in label_of for name in box_names], dtype=bool)
        for name in sorted({name for name in box_names if name not in label_of}):
            message = f"{self.annotations}: {record.image} has the category {name!r}"
            remedy = "correct the setting `names`, or set it to null for all that occur"
            problems.error("unknown category", f"{message}, which is not in `names`: {remedy}")
        labels = [label_of[name] for name in box_names if name in label_of]
        return replace(
            record,
            boxes=record.boxes[known],
            targets=np.asarray(labels, dtype=np.int64),
            incomplete=record.incomplete or not known.all(),
        )


def _labels_of(names: Sequence[str]) -> dict[str, int]:
    return {name: label for label, name in enumerate(names)}


def _add_labels(
    label_of: dict[str, int], names: dict[int, str | None], found: Sequence[str]
) -> None:
    """Give categories that are new the next labels."""
    for name in found:
        names[label_of.setdefault(name, len(label_of))] = name


def _parsed(
    xml: Sequence[tuple[Path, int]], folders: Sequence[Path], problems: Problems
) -> Iterator[tuple[Record, list[str]]]:
    """Records whose targets are not known yet, and the category of each of their boxes."""
    pictures = Pictures(ImageFolder.at(folders))
    for number, (file, image_id) in enumerate(xml):
        try:
            yield parse(file, image_id, pictures)
        except MALFORMED as error:
            problems.error("broken XML", f"{file} is not VOC's XML: {error}", number + 1)


def _image_ids(files: Sequence[Path]) -> Sequence[int]:
    """The numbers in the file names (2008_000001, 000012) if all differ, or else positions."""
    digits = [file.stem.replace("_", "") for file in files]
    if all(text.isdecimal() and len(text) < 18 for text in digits):
        numbers = [int(text) for text in digits]
        if len(set(numbers)) == len(numbers):
            return numbers
    return range(len(files))
