"""YOLO: data.yaml with the names, and a text file of boxes for each picture."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Self

import numpy as np

from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.images import FORMATS
from glip_pl.data.picture_size import FIRST_QUARTER_TURN, Exif, Size, orientation_of
from glip_pl.data.pixel_limit import TOO_LARGE, open_limited
from glip_pl.data.problems import Problems
from glip_pl.data.ranges import Names, RangeContents, in_parts
from glip_pl.data.records import Contents, Record, box_array
from glip_pl.data.yolo_layout import YoloSettings, find_pictures, label_file, read_settings
from glip_pl.errors import UserError, first_line
from glip_pl.files.hashing import key_of

MAX_BYTES = 16 << 20
"""Largest label file that is read; a line has some 40 bytes."""

LARGEST = 2.0
"""Largest coordinate that may still be a part of the picture and not a number of pixels."""

BOX = 4
"""Numbers of a box after the label; six or more are the corners of a polygon."""

RANGE_PICTURES = 50_000
"""Pictures of a range, which take one process some seconds; with fewer, nothing is gained."""

Labelled = tuple[int, str, Path | None]
"""The id and the name of a picture, and its label file."""


@dataclass(frozen=True)
class YoloFolder:
    """Detection data in the form of YOLO's programs, versions 5 and later.

    A picture without a label file, or with an empty one, is background. Lines with polygons or
    turned boxes give the boxes around these.
    """

    root: str | Path
    settings: str | Path  # data.yaml
    split: str
    exif: Exif = "upright"  # whether boxes are parts of the picture as shown or as stored
    pictures: str = ""  # hash of the names: pictures without a label file are in no other file

    @classmethod
    def from_folder(
        cls, root: str | Path, settings: str | Path, splits: Sequence[str], exif: Exif = "upright"
    ) -> Self:
        """The first of `splits` that the folder has. Raises UserError if there is none."""
        split, names = find_pictures(Path(root), read_settings(Path(settings)), splits)
        return cls(root, settings, split, exif, key_of({"pictures": names}))

    @property
    def source(self) -> str:
        """What messages call it: the file of settings is the same for all splits."""
        return f"{self.settings} ({self.split})"

    @cached_property
    def _settings(self) -> YoloSettings:
        return read_settings(Path(self.settings))

    @cached_property
    def _labels(self) -> dict[str, Path | None]:
        """The label file of each picture."""
        _, names = find_pictures(Path(self.root), self._settings, [self.split])
        return {name: label_file(Path(self.root), name) for name in names}

    @property
    def files(self) -> Sequence[Path]:
        """The file of settings and the label files."""
        return [Path(self.settings), *(file for file in self._labels.values() if file is not None)]

    def open_images(self) -> ImageFolder:
        """The folder, which names of pictures start from."""
        return ImageFolder.at(self.root)

    def read(self, problems: Problems) -> Contents:
        """One record per picture; ids count from 0. Raises UserError if no picture has labels."""
        if not any(self._labels.values()):
            name = next(iter(self._labels))
            raise UserError(
                f"none of the {len(self._labels)} pictures of {self.source} has a label file: that "
                f"of images/a.jpg is labels/a.txt, or else a.txt beside it (the first is {name})"
            )
        return Contents(self._records(self._pictures(), problems), self._settings.names)

    def ranges(self) -> list[Sequence[Labelled]]:
        """Neighbouring pictures; nothing that several processes read if none has labels."""
        return in_parts(self._pictures(), RANGE_PICTURES) if any(self._labels.values()) else []

    def stamp_of(self, part: Sequence[Labelled]) -> list[list[Any]]:
        """Names of the pictures; sizes and modification times of their label files."""
        stats = [(name, None if file is None else file.stat()) for _, name, file in part]
        return [[name, stat and [stat.st_size, stat.st_mtime_ns]] for name, stat in stats]

    def read_range(self, part: Sequence[Labelled], problems: Problems) -> RangeContents:
        """The records of some pictures."""
        return RangeContents(self._records(part, problems), count(), {})

    def all_names(self, of_ranges: Sequence[Names], flawed: bool) -> list[str]:
        """The categories of the file of settings."""
        return list(self._settings.names)

    def __getstate__(self) -> dict[str, Any]:
        """The settings alone for another process, without the list of files."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _pictures(self) -> list[Labelled]:
        return [(number, name, file) for number, (name, file) in enumerate(self._labels.items())]

    def _records(self, pictures: Sequence[Labelled], problems: Problems) -> Iterator[Record]:
        images = self.open_images()
        for number, name, file in pictures:
            try:
                size = _size(images.find(name), self.exif)
            except UserError as error:
                problems.error("unreadable picture", str(error), number + 1)
                continue
            if file is None:
                message = f"{name} has no label file, so it shows only background"
                problems.leave_out("picture without a label file, which is background", message)
            yield self._record(name, size, number, file, problems)

    def _record(
        self, name: str, size: Size, number: int, file: Path | None, problems: Problems
    ) -> Record:
        """A picture with the boxes of its label file; lines that cannot be read are problems."""
        lines = [] if file is None else _lines(file, problems)
        boxes, labels = [], []
        for line, text in lines or ():
            try:
                label, box = self._parse(text)
            except ValueError as error:
                message = f"{file}: line {line}, {text[:60]!r}: {error}"
                problems.error("malformed line", message, number + 1)
                continue
            labels.append(label)
            boxes.append(box)
        height, width = size
        return Record(
            name,
            size,
            number,
            box_array(boxes) * [width, height, width, height],
            np.asarray(labels, dtype=np.int64),
            incomplete=lines is None or len(boxes) < len(lines),
        )

    def _parse(self, line: str) -> tuple[int, list[float]]:
        """Label and corners, as parts of the picture, of a line. Raises ValueError."""
        first, *texts = line.split()
        label, values = float(first), [float(text) for text in texts]
        if label not in range(len(self._settings.names)):
            raise ValueError(
                f"the label {first:.20} is none of the {len(self._settings.names)} `names`"
            )
        is_polygon = len(values) >= 6 and not self._settings.keypoints
        if len(values) < BOX or (is_polygon and len(values) % 2):
            raise ValueError("neither a label with a box nor one with a polygon")
        values = values if is_polygon else values[:BOX]  # after a box a score may follow
        if not all(math.isfinite(value) and abs(value) <= LARGEST for value in values):
            raise ValueError("coordinates are parts of the picture, from 0 to 1, and not pixels")
        if is_polygon:
            return int(label), [
                *(min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))
            ]
        x, y, width, height = values
        return int(label), [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def _lines(file: Path, problems: Problems) -> list[tuple[int, str]] | None:
    """The lines that are not blank, with their numbers from 1; None if the file is unreadable."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        problems.error("unreadable label file", f"cannot read {file}: {error}")
        return None
    return [(row, line) for row, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _size(path: Path, exif: Exif) -> Size:
    """Height and width of a picture, as it is shown or stored. Raises UserError."""
    try:
        with open_limited(path, FORMATS) as image:
            stored = (image.height, image.width)
            quarter_turn = orientation_of(image) >= FIRST_QUARTER_TURN
    except (OSError, SyntaxError, ValueError, *TOO_LARGE) as error:
        raise UserError(f"cannot read the size of {path}: {first_line(error)}") from error
    return stored[::-1] if quarter_turn and exif == "upright" else stored
