"""A picture with its boxes, as all writers of annotation files take it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """A picture with N boxes, which people drew or a model found.

    Boxes and size refer to the picture as it is shown, turned upright by its EXIF orientation.
    """

    path: Path
    size: tuple[int, int]  # height and width, pixels
    boxes: NDArray[np.floating[Any]]  # (N, 4) corners in pixels; x2 - x1 is the width
    labels: NDArray[np.integer[Any]]  # (N,) index of a category
    scores: NDArray[np.floating[Any]] | None = None  # (N,) 0 to 1; None: people drew the boxes
    name: str = ""  # what files call the picture; empty: its path below the pictures' folder

    def __post_init__(self) -> None:
        counts = {len(self.boxes), len(self.labels)}
        counts |= set() if self.scores is None else {len(self.scores)}
        if len(counts) != 1:
            raise ValueError(f"{self.path}: the numbers of boxes, labels and scores differ")

    def clipped(self) -> Self:
        """The boxes in double precision, cut at the picture's border; those without area go."""
        height, width = self.size
        boxes = self.boxes.reshape(-1, 4).astype(np.float64)
        boxes = np.clip(boxes, 0, [width, height, width, height])
        kept = (boxes[:, 2:] > boxes[:, :2]).all(1)
        scores = None if self.scores is None else self.scores[kept]
        return replace(self, boxes=boxes[kept], labels=self.labels[kept], scores=scores)
