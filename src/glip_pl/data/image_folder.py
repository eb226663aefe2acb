"""Finds the pictures of a dataset in its folders, and never a file outside them."""

import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from glip_pl.data.images import HOW_TO_GET_DATA, checked, load_image, read_file
from glip_pl.data.picture_names import SUBFOLDERS, FolderNames, is_file, other_names
from glip_pl.errors import UserError

log = logging.getLogger(__name__)

MAX_NAME = 255
"""Bytes of the longest name of a file or folder on Linux, macOS and Windows."""


@dataclass(frozen=True)
class ImageFolder:
    """Pictures in one folder or in several; each is read from the first folder that has it.

    Several folders are needed where one annotation file covers two collections (MDETR's mixed
    file), or where a dataset is unpacked with or without a folder per split (Flickr30k).
    """

    roots: tuple[Path, ...]

    @classmethod
    def at(cls, roots: "str | Path | Sequence[str | Path]") -> "ImageFolder":
        """Those of the folders that exist. Raises UserError if none does."""
        folders = [Path(root) for root in ([roots] if isinstance(roots, str | Path) else roots)]
        existing = tuple(folder for folder in folders if folder.is_dir())
        if not existing:
            listing = " or ".join(map(str, folders))
            raise UserError(f"no such image folder: {listing}. {HOW_TO_GET_DATA}")
        return cls(existing)

    def read(self, name: str) -> bytes:
        """The encoded picture. Raises UserError if it is missing or outside the folders."""
        return read_file(self.find(name))

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if it is missing, broken or outside the folders."""
        return load_image(self.find(name))

    def find(self, name: str) -> Path:
        """As `locate`. Raises UserError also if the file is empty or obviously no picture."""
        return checked(self.locate(name))

    def locate(self, name: str) -> Path:
        """Path of the picture, in the first folder that has it.

        If no file has exactly this name, a file is taken whose name differs only in ways of
        `picture_names.other_names`, which is logged once and listed in `replaced`. Raises UserError
        if there is none, or if two names of the annotations would mean one file.
        """
        # Some tools write backslashes on Windows.
        names = dict.fromkeys((name, name.replace("\\", "/")))
        possible = (_within(root, spelling) for spelling in names for root in self.roots)
        paths = [path for path in possible if path is not None]
        path = next(filter(is_file, paths), None)
        if path is None:
            path = self._under_another_name(name)
            if path is None:
                raise UserError(self._missing(name, paths))
            if not self.replaced:
                log.warning(
                    "no picture is called %r, so %s is read; other such pictures are not reported "
                    "(`python -m glip_pl.data check` counts them)", name, path
                )  # fmt: skip
            self.replaced.setdefault(path, name)
        other = self.replaced.get(path, name) if self.replaced else name
        if other != name:
            raise UserError(_contested(path, other, name))
        return path

    def contested(self, names: Collection[str]) -> list[str]:
        """A message for each of `replaced` that another of the annotations' names means exactly.

        While pictures are looked for one by one, this is not noticed if that name comes first.
        """
        known = frozenset(names) if self.replaced else frozenset()
        return [
            _contested(path, name, exact)
            for path, name in self.replaced.items()
            for exact in (os.path.relpath(path, root) for root in self.roots)
            if exact != name and exact in known
        ]

    @cached_property
    def replaced(self) -> dict[Path, str]:
        """Pictures that were found under another name than the annotations', which is the value."""
        return {}

    @cached_property
    def _names(self) -> FolderNames:
        return FolderNames()

    def _under_another_name(self, name: str) -> Path | None:
        """A file inside the folders that the name may mean; None if there is none."""
        folders = [root / folder for root in self.roots for folder in SUBFOLDERS]
        found = (
            self._names.find(folder, parts) for parts in other_names(name) for folder in folders
        )
        return next((path for path in found if path is not None), None)

    def _missing(self, name: str, paths: Sequence[Path]) -> str:
        """The message about a picture that is at none of these paths."""
        if not paths:
            return f"the file name {name!r:.200} leads out of {self.roots[0]}"
        try:
            paths[0].stat()
            return f"no such image: {paths[0]} is no regular file"
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError) as error:
            return f"cannot read the image {paths[0]}: {error}"
        for path in paths:
            similar = self._names.similar(path.parent, path.name)
            if similar is not None:
                return f"no such image: {paths[0]}; did you mean {path.parent / similar}?"
        return f"no such image: {paths[0]}"


def _contested(path: Path, first: str, second: str) -> str:
    return (
        f"both {first!r} and {second!r} of the annotations could be the picture {path}: put the "
        "pictures at the places that the annotations name"
    )


@dataclass(frozen=True)
class BesideFolder:
    """Base of readers of one annotation file whose pictures lie in folders."""

    annotations: str | Path
    images: str | Path | Sequence[str | Path]

    @property
    def files(self) -> Sequence[Path]:
        """The annotation file."""
        return [Path(self.annotations)]

    def open_images(self) -> ImageFolder:
        """The folder or folders of the pictures."""
        return ImageFolder.at(self.images)


def inside(root: Path, file_name: str) -> Path:
    """The path `root / file_name`. Raises UserError if it lies outside `root` or is too long."""
    path = _within(root, file_name)
    if path is None:
        raise UserError(f"the file name {file_name[:200]!r} leads out of {root}")
    if _is_too_long(file_name):
        raise UserError(f"the file name {file_name[:200]!r} is too long")
    return path


def _within(root: Path, file_name: str) -> Path | None:
    """The path `root / file_name`; None if it lies outside `root`."""
    # Symbolic links are not resolved: those that the folder's owner made may lead anywhere.
    folder = Path.cwd() / root
    path = Path(os.path.normpath(folder / file_name))
    if "\0" in file_name or not path.is_relative_to(os.path.normpath(folder)):
        return None
    return path


def _is_too_long(file_name: str) -> bool:
    """Whether the operating system refuses to look for such a name."""
    parts = Path(file_name).parts
    return any(len(part.encode(errors="replace")) > MAX_NAME for part in parts)
