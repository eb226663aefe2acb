"""The boxes of pictures that are labelled, a JSON line for each, kept when the job is killed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.files.reading import parse_json

Stamp = tuple[int, int]
"""Size in bytes and modification time in nanoseconds of a file."""

DAMAGED = (ValueError, LookupError, TypeError, AttributeError)
"""Errors that reading a damaged line raises."""


def stamp_of(path: Path) -> Stamp:
    """By what a changed picture is noticed. Raises OSError if there is no file."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@dataclass
class Journal:
    """A file that grows by a line with every picture; a picture that was changed counts as new.

    A line that was cut off when the job was killed is skipped, and its picture is labelled again.
    """

    path: Path
    classes: tuple[str, ...] = ()  # names by label; empty before the model has read them
    entries: dict[str, tuple[Stamp, AnnotatedImage]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The journal in a file, or an empty one if there is no file."""
        journal = cls(path)
        content = path.read_bytes() if path.is_file() else b""
        for line in content.splitlines():
            try:
                journal._read(parse_json(line))
            except DAMAGED:
                continue
        if content and not content.endswith(b"\n"):
            journal._append("")
        return journal

    def _read(self, line: Mapping[str, Any]) -> None:
        """Raises one of DAMAGED."""
        if "classes" in line:
            self.classes = tuple(str(name) for name in line["classes"])
            return
        height, width = (int(side) for side in line["size"])
        size, time = (int(number) for number in line["stamp"])
        image = AnnotatedImage(
            Path(line["name"]),
            (height, width),
            np.asarray(line["boxes"], dtype=np.float64).reshape(-1, 4),
            np.asarray(line["labels"], dtype=np.int64),
            np.asarray(line["scores"], dtype=np.float64),
            str(line["name"]),
        )
        if len(image.labels) and not 0 <= image.labels.min() <= image.labels.max() < len(
            self.classes
        ):
            raise ValueError("a label without a class")
        self.entries[image.name] = (size, time), image

    def name_classes(self, classes: Sequence[str]) -> None:
        """Write down the names by label, once."""
        if not self.classes:
            self.classes = tuple(classes)
            self._append(json.dumps({"classes": list(classes)}))

    def get(self, name: str, stamp: Stamp) -> AnnotatedImage | None:
        """The boxes of a picture; None if it is not labelled, or was changed since."""
        known, image = self.entries.get(name, (None, None))
        return image if known == stamp else None

    def add(self, image: AnnotatedImage, stamp: Stamp) -> None:
        """Write down the boxes of a picture, which has a `name` and scores."""
        assert image.scores is not None
        line = {
            "name": image.name,
            "stamp": stamp,
            "size": image.size,
            "boxes": image.boxes.tolist(),
            "labels": image.labels.tolist(),
            "scores": image.scores.tolist(),
        }
        self._append(json.dumps(line))
        self.entries[image.name] = stamp, image

    def _append(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
