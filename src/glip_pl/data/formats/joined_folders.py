"""Several folders of a user as one source: each is labelled with names of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.own_folder import own_folder
from glip_pl.data.formats.yolo import YoloFolder
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.picture_size import Exif
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.errors import UserError


@dataclass(frozen=True)
class JoinedFolders:
    """Readers of folders; the categories are all names of any folder.

    Names that a folder does not have were not looked for in its pictures. Pictures are called by
    the number of their folder and their name in it: "0/a.jpg".
    """

    folders: tuple[CocoJson | YoloFolder, ...]

    @property
    def source(self) -> str:
        """What messages call the source."""
        return " and ".join(str(folder.files[0]) for folder in self.folders)

    @property
    def files(self) -> Sequence[Path]:
        """The annotation files of all folders."""
        return list(dict.fromkeys(file for folder in self.folders for file in folder.files))

    def open_images(self) -> "JoinedImages":
        """The pictures of all folders."""
        return JoinedImages(tuple(folder.open_images() for folder in self.folders))

    def read(self, problems: Problems) -> Contents:
        """The records of one folder after the other. Raises UserError."""
        contents = [folder.read(problems) for folder in self.folders]
        names = list(dict.fromkeys(name for one in contents for name in one.names))
        return Contents(self._records(contents, names), names)

    def _records(self, contents: Sequence[Contents], names: Sequence[str]) -> Iterator[Record]:
        label_of = {name: label for label, name in enumerate(names)}
        for number, of_folder in enumerate(contents):
            labels = np.asarray([label_of[name] for name in of_folder.names], dtype=np.int64)
            for record in of_folder.records:
                yield replace(
                    record,
                    image=f"{number}/{record.image}",
                    image_id=record.image_id * len(contents) + number,
                    targets=labels[record.targets],
                    absent=labels[_absent(record, len(labels))],
                    not_exhaustive=labels[_not_exhaustive(record)],
                )


def _not_exhaustive(record: Record) -> NDArray[np.int64]:
    none = np.zeros(0, dtype=np.int64)
    return none if record.not_exhaustive is None else record.not_exhaustive


def _absent(record: Record, count: int) -> NDArray[np.int64]:
    """What a record lists as absent, or else those of its folder's categories without a box."""
    if record.absent is not None:
        return record.absent
    present = np.union1d(record.targets, _not_exhaustive(record))
    return np.setdiff1d(np.arange(count), present)


@dataclass(frozen=True)
class JoinedImages:
    """The pictures of several folders, by names that begin with the number of the folder."""

    folders: tuple[ImageFolder, ...]

    def read(self, name: str) -> bytes:
        """The encoded picture. Raises UserError if it is missing or outside its folder."""
        folder, inner = self._of(name)
        return folder.read(inner)

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if it is missing, broken or outside its folder."""
        folder, inner = self._of(name)
        return folder.load(inner)

    def by_folder(self, names: Sequence[str]) -> list[tuple[ImageFolder, list[str]]]:
        """Each folder, with the names in it of those pictures that are its own."""
        inner: list[list[str]] = [[] for _ in self.folders]
        for name in names:
            number, _, rest = name.partition("/")
            inner[int(number)].append(rest)
        return list(zip(self.folders, inner, strict=True))

    def _of(self, name: str) -> tuple[ImageFolder, str]:
        number, _, inner = name.partition("/")
        return self.folders[int(number)], inner


def joined_folders(
    roots: Sequence[str | Path], splits: Sequence[str], exif: Exif = "upright"
) -> JoinedFolders:
    """The reader of the first of `splits` that each of some folders has.

    Raises UserError if a folder holds none of them, or if there are no folders.
    """
    if not roots:
        raise UserError("data.roots is empty: give the folders, data.roots=[<folder>,<folder>]")
    return JoinedFolders(tuple(own_folder(root, splits, exif=exif) for root in roots))
