"""The form into which all file formats are read: a record per picture, or picture and caption."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from glip_pl.data.problems import Problems
from glip_pl.spans import Phrase


@dataclass(frozen=True, eq=False)
class Record:
    """A picture with its boxes, and the category or phrase of each box.

    Without a caption `targets` are category indices; with a caption they are indices of its
    `phrases`. The fields are many because a record is plain data, one line of an annotation file.
    """

    image: str  # the name by which the reader's images load it
    size: tuple[int, int]  # height and width, pixels
    image_id: int
    boxes: NDArray[np.float64]  # (N, 4) corners; x2 and y2 are the first pixels outside
    targets: NDArray[np.int64]  # (N,)
    caption: str | None = None
    phrases: tuple[Phrase, ...] = ()
    scores: NDArray[np.float32] | None = (
        None  # (N,) a teacher's confidence; None: people drew the boxes
    )
    block: int = 0  # number of the shard with the picture; shards are best read as a whole
    incomplete: bool = False  # whether boxes of the picture were left out, such as those of crowds
    # (M,) categories that were looked for and not found; None: all that have no box.
    absent: NDArray[np.int64] | None = None
    # (M,) categories of which not every object has a box; None: there are none.
    not_exhaustive: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Contents:
    """The records of a source, to be read once, and its categories in the order of their ids."""

    records: Iterator[Record]
    names: Sequence[str] = ()


class Images(Protocol):
    """The pictures of a source."""

    def read(self, name: str) -> bytes:
        """The encoded picture as it is stored. Raises UserError if it is missing."""

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if it is missing or broken."""


class Reader(Protocol):
    """Reads one file format.

    A reader is a frozen dataclass: an index belongs to it if all its fields are the same. For
    another format, write another reader; no other code has to change.
    """

    @property
    def files(self) -> Sequence[Path]:
        """Every annotation file that is read; if one changes, the index is made again."""

    def open_images(self) -> Images:
        """Opens its pictures. Raises UserError if their folder is missing."""

    def read(self, problems: Problems) -> Contents:
        """The contents without bad items; raises UserError if `problems` tolerates no more."""


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
    """Boxes as corners (N, 4); N may be 0. Raises ValueError or TypeError for other lists."""
    return np.asarray(boxes, dtype=np.float64).reshape(len(boxes), 4)
