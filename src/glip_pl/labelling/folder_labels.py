"""Labels the pictures of a folder: finds boxes once, and writes them as an annotation file."""

import glob
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.writing import DEFAULT_NAMES, FOLDERS, check_target, write_annotations
from glip_pl.data.images import find_images, load_image, upright
from glip_pl.errors import UserError, some
from glip_pl.files.hashing import key_of
from glip_pl.files.reading import read_json
from glip_pl.files.writing import write_json
from glip_pl.inference.encoded_query import EncodedQuery
from glip_pl.inference.image_input import ImageSource
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.journal import Journal, Stamp, stamp_of
from glip_pl.labelling.thresholds import Thresholds, above
from glip_pl.terminal.progress import with_progress

log = logging.getLogger(__name__)

STORED = 0.1
"""Score above which boxes are written down, so that other thresholds need no second detection."""

Load = Callable[[], tuple[Predictor, EncodedQuery]]
"""Loads the model, and reads what it is to detect."""

DONE = "done.json"
"""File beside the journal that says for which pictures and thresholds a format was written."""


@dataclass(frozen=True)
class Pictures:
    """Picture files by the name that annotations call them: the path below the folder."""

    root: Path
    stamps: Mapping[str, Stamp]

    @classmethod
    def of(cls, pattern: str, output: Path) -> "Pictures":
        """The pictures in a folder and all below it, a file, or those of a glob pattern.

        What lies below `output` is left out. Raises UserError if there is none.
        """
        path = Path(pattern).expanduser()
        root = path if path.is_dir() else path.parent
        wanted = str(path)
        if path.is_dir():
            wanted = str(Path(glob.escape(str(path))) / "**" / "*")
        elif not path.is_file():
            fixed = [*path.parts]
            while fixed and any(glob.has_magic(part) for part in fixed):
                fixed.pop()
            root = Path(*fixed)
        files = find_images(wanted, "images")
        written = _absolute(output)
        stamps = {
            Path(os.path.relpath(file, root)).as_posix(): stamp_of(file)
            for file in files
            if file.is_file() and not _absolute(file).is_relative_to(written)
        }
        if not stamps:
            raise UserError(f"images={pattern} names no picture outside the folder {output}")
        return cls(root, stamps)

    def __len__(self) -> int:
        return len(self.stamps)


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(Path.cwd() / path))


@dataclass
class FolderLabels:
    """The labels of pictures, in a folder with a journal of what is found."""

    pictures: Pictures
    output: Path
    thresholds: Thresholds
    journal: Journal
    unreadable: dict[str, str] = field(default_factory=dict)  # messages by name

    @property
    def missing(self) -> list[str]:
        """Names of the pictures without labels."""
        return [
            name
            for name, stamp in self.pictures.stamps.items()
            if self.journal.get(name, stamp) is None
        ]

    def detect(self, load: Load, max_boxes: int, tiles: int | None) -> None:
        """Find the boxes of all pictures without labels; unreadable ones are logged and skipped.

        `load` is called if there is a picture to label. Raises UserError for thresholds of names
        that are not searched for.
        """
        readable = self._readable(self.missing)
        first = next(readable, None)
        if first is None:
            return
        predictor, query = load()
        self.thresholds.by_label(query.classes)
        self.journal.name_classes(query.classes)
        lowest = min(STORED, self.thresholds.lowest)
        sources = ((source, query) for source in chain([first], readable))
        limited = []
        for result in predictor.stream(sources, lowest, max_boxes, tiles):
            name = result.source.name
            image = replace(result.annotated(), name=name)
            self.journal.add(image, self.pictures.stamps[name])
            if result.limited and result.scores.min() > self.thresholds.lowest:
                limited.append(name)
        if limited:
            log.warning(
                "%s has more than %d boxes, of which only the best are kept (setting `max_boxes`)",
                some(limited),
                max_boxes,
            )

    def _readable(self, names: Sequence[str]) -> Iterator[ImageSource]:
        """The pictures of these names, decoded, with progress; the others are unreadable."""
        for name in with_progress(names, len(names), "picture"):
            path = self.pictures.root / name
            try:
                yield ImageSource(name, path, upright(load_image(path)))
            except UserError as error:
                log.warning("left out: %s", error)
                self.unreadable[name] = str(error)

    def above_thresholds(self) -> list[AnnotatedImage]:
        """The labelled pictures with their boxes above the thresholds, in the order of names."""
        by_label = self.thresholds.by_label(self.journal.classes)
        found = [self.journal.get(name, stamp) for name, stamp in self.pictures.stamps.items()]
        return [
            replace(above(image, by_label), path=self.pictures.root / image.name)
            for image in found
            if image is not None
        ]

    def written(self, format: str) -> dict[str, Any] | None:
        """The summary of a file of this format that holds just these labels; None if there is none.

        Raises UserError if the format is a folder that was written for other labels: somebody may
        have corrected them since.
        """
        target = self.target(format)
        done = _read_done(self.output / DONE).get(format)
        if isinstance(done, dict) and done.get("key") == self._key() and target.exists():
            return done
        if format in FOLDERS and target.exists():
            raise UserError(
                f"{target} holds labels of other pictures or thresholds: remove or rename it"
            )
        check_target(target, format)
        return None

    def target(self, format: str) -> Path:
        """The file or folder of a format."""
        return self.output / DEFAULT_NAMES[format]

    def _key(self) -> str:
        """Hash of the pictures and thresholds."""
        thresholds = self.thresholds
        return key_of(
            {
                "pictures": dict(self.pictures.stamps),
                "thresholds": [thresholds.common, dict(thresholds.of_name)],
            }
        )

    def write(self, format: str, copy_pictures: bool) -> dict[str, Any]:
        """Write the annotation file of a format; returns its summary.

        Raises UserError if none of the pictures could be read, and as `write_annotations` does.
        """
        images = self.above_thresholds()
        if not images:
            reasons = some(list(self.unreadable.values()), 3)
            raise UserError(f"none of the {len(self.pictures)} pictures could be read: {reasons}")
        classes = self.journal.classes
        write_annotations(
            images, classes, self.target(format), format, self.pictures.root, copy_pictures
        )
        boxes = Counter(classes[label] for image in images for label in image.labels)
        shown = Counter(classes[label] for image in images for label in set(image.labels.tolist()))
        summary = {
            "key": self._key(),
            "pictures": len(images),
            "without a box": sum(not len(image.labels) for image in images),
            "boxes": {name: boxes[name] for name in classes},
            "pictures of": {name: shown[name] for name in classes},
            "unreadable": self.unreadable,
        }
        done = _read_done(self.output / DONE)
        write_json(self.output / DONE, {**done, format: summary})
        return summary


def _read_done(path: Path) -> dict[str, Any]:
    """What DONE holds; nothing if it is missing or damaged."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
