"""The output of `predict`: pictures with boxes, and predictions.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from glip_pl.boxes import plain
from glip_pl.files.reading import read_json
from glip_pl.files.writing import write_json
from glip_pl.inference.drawing import draw
from glip_pl.types import Detections, Prompt


@dataclass
class Predictions:
    """The output folder: a picture with boxes for each image, and predictions.json."""

    folder: Path
    prompt: Prompt
    inputs: frozenset[Path] = frozenset()  # resolved paths of the images, which are not replaced
    entries: list[dict[str, Any]] = field(default_factory=list)  # of predictions.json
    pictures: set[Path] = field(default_factory=set)  # files written so far

    @property
    def report(self) -> Path:
        """The path of predictions.json."""
        return self.folder / "predictions.json"

    def add(self, path: Path, image: Image.Image, detections: Detections) -> None:
        """Draw the detections in the image of the file `path`, and keep its entry."""
        picture = self.folder / f"{path.stem}_{path.suffix[1:]}.png"
        # Files in different folders may have the same name; the output folder may hold images.
        if picture in self.pictures or picture.resolve() in self.inputs:
            picture = self.folder / f"{len(self.entries):05d}_{picture.name}"
        self.pictures.add(picture)
        phrases = [self.prompt.phrase_text(phrase) for phrase in detections.phrase_ids.tolist()]
        draw(image, detections.boxes, phrases, detections.scores).save(picture)
        self.entries.append(entry(path, picture, image, detections, self.prompt))

    def write_report(self, origin: Mapping[str, Any]) -> None:
        """Write predictions.json, with the settings of `origin`, and remove the older drawings."""
        for picture in listed_pictures(self.report) - self.pictures:
            if picture.resolve() not in self.inputs:
                picture.unlink(missing_ok=True)
        content = {"prompt": self.prompt.caption, **origin, "images": self.entries}
        write_json(self.report, content)

    def summary(self) -> str:
        """The number of boxes and pictures, and where they are."""
        boxes = sum(len(image_entry["boxes"]) for image_entry in self.entries)
        return f"{boxes} boxes in {len(self.entries)} pictures: {self.folder} and {self.report}"


def listed_pictures(report: Path) -> set[Path]:
    """The drawings that a predictions.json lists, in its folder; none if there is no such file."""
    try:
        images = read_json(report)["images"]
        names = [str(image["picture"]) for image in images]
    except (OSError, ValueError, KeyError, TypeError):  # missing, or another program's file
        return set()
    # A name with a folder is not one that was written here.
    return {report.parent / name for name in names if Path(name).name == name}


def entry(
    path: Path, picture: Path, image: Image.Image, detections: Detections, prompt: Prompt
) -> dict[str, Any]:
    """An image's entry in predictions.json; boxes are [x1, y1, x2, y2], x2 - x1 is the width."""
    return {
        "file": str(path),
        "picture": picture.name,
        "width": image.width,
        "height": image.height,
        "boxes": [
            {
                "phrase": prompt.phrase_text(int(phrase)),
                "phrase_id": int(phrase),
                "score": round(float(score), 4),
                "box": [round(float(corner), 2) for corner in box],
            }
            for box, score, phrase in zip(
                plain(detections.boxes), detections.scores, detections.phrase_ids, strict=True
            )
        ],
    }
