"""The output of `predict`: pictures with boxes, and predictions.json."""

from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glip_pl.files.reading import read_json
from glip_pl.files.writing import write_json
from glip_pl.inference.result import Result
from glip_pl.types import Prompt

QUALITY = 92
"""JPEG quality of drawings; writing PNG would take longer than a small model does."""


@dataclass
class Predictions:
    """The output folder: a picture with boxes for each image, and predictions.json."""

    folder: Path
    prompt: Prompt
    inputs: frozenset[Path] = frozenset()  # resolved paths of the images, which are not replaced
    entries: list[dict[str, Any]] = field(default_factory=list)  # of predictions.json
    pictures: set[Path] = field(default_factory=set)  # files written so far
    drawer: Executor = field(default_factory=lambda: ThreadPoolExecutor(1))
    drawing: Future[None] | None = None  # the last drawing, which may not be written yet

    @property
    def report(self) -> Path:
        """The path of predictions.json."""
        return self.folder / "predictions.json"

    def add(self, result: Result) -> None:
        """Keep the entry of a result, and draw its boxes beside the detection in the next picture.

        Raises OSError if the drawing before could not be written.
        """
        assert result.path is not None
        self.finish_drawing()
        picture = self.folder / f"{result.path.stem}_{result.path.suffix[1:]}.jpg"
        # Files in different folders may have the same name; the output folder may hold images.
        if picture in self.pictures or picture.resolve() in self.inputs:
            picture = self.folder / f"{len(self.entries):05d}_{picture.name}"
        self.pictures.add(picture)
        self.drawing = self.drawer.submit(_write_drawing, result, picture)
        self.entries.append(entry(result, picture))

    def finish_drawing(self) -> None:
        """Wait for the last drawing. Raises OSError if it could not be written."""
        if self.drawing is not None:
            self.drawing.result()

    def write_report(self, origin: Mapping[str, Any]) -> None:
        """Write predictions.json, with the settings of `origin`, and remove the older drawings.

        Raises OSError if a file cannot be written.
        """
        self.finish_drawing()
        for picture in listed_pictures(self.report) - self.pictures:
            if picture.resolve() not in self.inputs:
                picture.unlink(missing_ok=True)
        content = {"prompt": self.prompt.caption, **origin, "images": self.entries}
        write_json(self.report, content)

    def summary(self) -> str:
        """The number of boxes and pictures, and where they are."""
        boxes = sum(len(image_entry["boxes"]) for image_entry in self.entries)
        return f"{boxes} boxes in {len(self.entries)} pictures: {self.folder} and {self.report}"


def _write_drawing(result: Result, picture: Path) -> None:
    result.draw().save(picture, quality=QUALITY)


def listed_pictures(report: Path) -> set[Path]:
    """The drawings that a predictions.json lists, in its folder; none if there is no such file."""
    try:
        images = read_json(report)["images"]
        names = [str(image["picture"]) for image in images]
    except (OSError, ValueError, KeyError, TypeError):  # missing, or another program's file
        return set()
    # A name with a folder is not one that was written here.
    return {report.parent / name for name in names if Path(name).name == name}


def entry(result: Result, picture: Path) -> dict[str, Any]:
    """A result's entry in predictions.json; boxes are [x1, y1, x2, y2], x2 - x1 is the width."""
    return {
        "file": str(result.path),
        "picture": picture.name,
        "width": result.size[1],
        "height": result.size[0],
        "boxes": [
            {
                "phrase": name,
                "phrase_id": label,
                "score": round(score, 4),
                "box": [round(corner, 2) for corner in box],
            }
            for name, label, score, box in result.rows()
        ],
    }
