"""What was found in a picture, and what of it is shown."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.writing import write_annotations
from glip_pl.inference.result import Result

LEAST_SCORE = 0.05
"""Boxes that score lower are not kept: it is the lower end of the sliders."""

SIDE_DECIMALS = 1
"""Decimals of pixels in the table."""

Row = tuple[str, float, float, float, float, float]
"""Phrase, score and corners of a box."""


@dataclass(frozen=True, eq=False)
class Finding:
    """All boxes above LEAST_SCORE, and a folder that is removed with this object."""

    result: Result
    picture: Path  # a copy of the file, as it was uploaded
    folder: "TemporaryDirectory[str]" = field(repr=False)

    @classmethod
    def of(cls, result: Result, upload: Path) -> "Finding":
        """Keep a result and a copy of the uploaded file."""
        folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="glip_pl_page_")
        picture = Path(folder.name) / "pictures" / upload.name
        picture.parent.mkdir()
        shutil.copyfile(upload, picture)
        return cls(result, picture, folder)

    def shown(self, thresholds: Sequence[float]) -> Result:
        """The boxes that reach the thresholds: one for each phrase, or a single one for all."""
        each = torch.tensor(thresholds).expand(len(self.result.classes))
        kept = self.result.scores >= each[self.result.labels]
        return replace(
            self.result,
            boxes=self.result.boxes[kept],
            scores=self.result.scores[kept],
            labels=self.result.labels[kept],
        )

    def write(self, result: Result) -> tuple[Path, Path]:
        """Write the boxes as COCO JSON and as an archive of YOLO's folder, which has the picture.

        Raises UserError if a name cannot be written.
        """
        image = replace(result.annotated(), path=self.picture)
        return self._coco(image, result.classes), self._yolo(image, result.classes)

    def _coco(self, image: AnnotatedImage, classes: Sequence[str]) -> Path:
        path = Path(self.folder.name) / f"{self.picture.stem}_coco.json"
        write_annotations([image], classes, path, "coco")
        return path

    def _yolo(self, image: AnnotatedImage, classes: Sequence[str]) -> Path:
        folder = Path(self.folder.name) / f"{self.picture.stem}_yolo"
        shutil.rmtree(folder, ignore_errors=True)
        write_annotations([image], classes, folder, "yolo")
        return Path(shutil.make_archive(str(folder), "zip", folder))


def rows_of(result: Result) -> list[Row]:
    """The boxes as rows of a table, best first."""
    rows = []
    for name, _, score, box in result.rows():
        x1, y1, x2, y2 = (round(corner, SIDE_DECIMALS) for corner in box)
        rows.append((name, round(score, 3), x1, y1, x2, y2))
    return rows
