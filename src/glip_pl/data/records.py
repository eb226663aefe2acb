"""What every file format is read into: one record per picture, or per picture and caption."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from glip_pl.data.problems import Problems
from glip_pl.types import Phrase


@dataclass(frozen=True, eq=False)
class Record:
    """A picture, its boxes, and what each of them is.

    Without a caption `targets` are category indices; with one they point to its `phrases`.
    """

    image: str  # the name by which the reader's images load it
    size: tuple[int, int]  # height and width, pixels
    image_id: int
    boxes: NDArray[np.float64]  # (N, 4) corners; x2 and y2 are the first pixels outside
    targets: NDArray[np.int64]  # (N,)
    caption: str | None = None
    phrases: tuple[Phrase, ...] = ()
    scores: NDArray[np.float32] | None = None  # (N,) a teacher's confidence
    block: int = 0  # which of the files that are best read as a whole holds the picture


@dataclass(frozen=True, eq=False)
class Contents:
    """The categories of a source, in the order of their ids, and its records, read once."""

    records: Iterator[Record]
    names: Sequence[str] = ()


class Images(Protocol):
    """Where the pictures of a source lie."""

    def read(self, name: str) -> bytes:
        """The encoded picture, as it lies there. Raises UserError if it is missing."""

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if it is missing or broken."""


class Reader(Protocol):
    """One file format. A frozen dataclass, whose settings tell whether an index is its own.

    To support another format, write one more of these: nothing else has to know.
    """

    @property
    def files(self) -> Sequence[Path]:
        """Every annotation file that is read; a change of one makes a new index."""

    def open_images(self) -> Images:
        """Where its pictures lie. Raises UserError if that is nowhere."""

    def read(self, problems: Problems) -> Contents:
        """The contents; what `problems` lets pass is left out. Raises UserError."""


def captioned(
    image: str,
    size: tuple[int, int],
    image_id: int,
    boxes: NDArray[np.float64],
    caption: str,
    of_box: Sequence[Phrase],
    scores: NDArray[np.float32] | None = None,
    block: int = 0,
) -> Record:
    """A record of grounding data; boxes (N, 4) with equal spans (`of_box`, N) share a phrase."""
    phrases: dict[Phrase, int] = {}
    targets = [phrases.setdefault(phrase, len(phrases)) for phrase in of_box]
    return Record(
        image=image,
        size=size,
        image_id=image_id,
        boxes=boxes,
        targets=np.asarray(targets, dtype=np.int64),
        caption=caption,
        phrases=tuple(phrases),
        scores=scores,
        block=block,
    )


def box_array(boxes: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Corners (N, 4), also of none. Raises ValueError or TypeError if that is no list of boxes."""
    return np.asarray(boxes, dtype=np.float64).reshape(len(boxes), 4)
