"""Reads picture files as RGB, and never a file outside the configured folders."""

import io
import logging
import os
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from glob import glob
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from glip_pl.data.file_kinds import READS_AVIF, foreign_kind
from glip_pl.data.picture_names import SUBFOLDERS, FolderNames, is_file, other_names
from glip_pl.data.pixels import rgb
from glip_pl.errors import UserError, some

log = logging.getLogger(__name__)

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
    | ({".avif"} if READS_AVIF else set())
)

UNREAD_SUFFIXES = (
    frozenset(
        {".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd"}
        | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"}
    )
    - SUFFIXES
)
"""Suffixes of pictures in formats that are not read."""

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", *(["AVIF"] if READS_AVIF else []))
"""Formats that are decoded, whatever a file's suffix; for EPS Pillow would start a program."""

MAX_NAME = 255
"""Bytes of the longest name of a file or folder on Linux, macOS and Windows."""

MAX_BYTES = 512 << 20
"""Largest size of an encoded picture, in bytes; no photograph is as large."""

MAX_PIXELS = 1 << 28
"""Largest size of a picture, in pixels: telephones take photographs of 200 million.

The environment variable GLIP_MAX_PIXELS sets another limit.
"""

SMALL = 1024
"""Bytes below which a file is looked at already when it is searched for: pictures have more."""

HOW_TO_GET_DATA = (
    "paths.data (or the environment variable GLIP_DATA) names the folder that holds the datasets; "
    "docs/data.md says how to get each dataset and where to put it"
)


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
        return _checked(self.locate(name))

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


def matching(pattern: str) -> list[Path]:
    """The file or folder with this name, or else all paths that match the pattern, sorted."""
    if Path(pattern).exists():  # a name may hold brackets
        return [Path(pattern)]
    # Path.glob needs a pattern relative to a folder, and people write absolute patterns too.
    return sorted(map(Path, glob(pattern, recursive=True)))  # noqa: PTH207


def find_images(pattern: str) -> list[Path]:
    """Sorted picture files: one file, the files directly in a folder, or those of a glob pattern.

    Warns of pictures in formats that are not read. Raises UserError if there is none.
    """
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    candidates = list(path.iterdir()) if path.is_dir() else matching(str(path))
    images = sorted(file for file in candidates if file.suffix.lower() in SUFFIXES)
    unread = sorted(file.name for file in candidates if file.suffix.lower() in UNREAD_SUFFIXES)
    if unread:
        log.warning(
            "%d pictures are left out, because their formats are not read: %s. Convert them to "
            "JPEG or PNG",
            len(unread),
            some(unread),
        )
    if not images:
        kinds = ", ".join(sorted(SUFFIXES))
        similar = FolderNames().similar(path.parent, path.name)
        hint = f"; did you mean {path.parent / similar}?" if similar else ""
        raise UserError(
            f"image={pattern} names no picture (a file, a folder or a glob; {kinds}){hint}"
        )
    return images


def load_image(path: Path) -> Image.Image:
    """The picture as RGB, as stored, not turned by EXIF: most annotations refer to stored pixels.

    Raises UserError if the file is missing, broken, or a decompression bomb.
    """
    return decode_image(read_file(path), str(path))


def upright(image: Image.Image) -> Image.Image:
    """The picture turned by its EXIF orientation, as viewers show it."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow raises many kinds on broken EXIF data, which are only advice
        return image


def read_file(path: Path) -> bytes:
    """The bytes of a picture file. Raises UserError if it is missing, unreadable or too large."""
    try:
        if not path.is_file():  # reading a pipe would block for ever
            raise FileNotFoundError
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"the image {path} has {path.stat().st_size} bytes: too large")
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"no such image: {path}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the image {path}: {error}") from error


def _checked(path: Path) -> Path:
    """The path of a file. Raises UserError if the file is too small for a picture and is none."""
    try:
        kind = foreign_kind(path.read_bytes()) if path.stat().st_size < SMALL else None
    except OSError as error:
        raise UserError(f"cannot read the image {path}: {error}") from error
    if kind is not None:
        raise UserError(f"the image {path} is {kind}")
    return path


def decode_image(content: bytes, name: str) -> Image.Image:
    """An encoded picture as RGB; `name` is for messages. Raises the errors of `load_image`."""
    Image.MAX_IMAGE_PIXELS = max_pixels()  # Pillow reads its limit from this variable alone
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                picture = rgb(image, name)
                picture.load()
                return picture
    except UserError:
        raise
    except UnidentifiedImageError:  # its message names the buffer in memory
        raise UserError(_unidentified(content, name)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(
            f"the image {name} has more than {max_pixels()} pixels, too large to be safe: make it "
            "smaller, or set the environment variable GLIP_MAX_PIXELS"
        ) from error
    except Exception as error:  # Pillow raises many kinds on broken files, TypeError among them
        raise UserError(f"the image {name} is broken or no image: {error}") from error


def max_pixels() -> int:
    """Largest size of a picture that is read, in pixels.

    Raises UserError if the environment variable GLIP_MAX_PIXELS is no positive number.
    """
    text = os.environ.get("GLIP_MAX_PIXELS") or str(MAX_PIXELS)
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 1 << 40):
        raise UserError(f"GLIP_MAX_PIXELS={text:.40} is no number of pixels, such as {MAX_PIXELS}")
    return int(text)


def _unidentified(content: bytes, name: str) -> str:
    """The message about a file that is no picture of a format that is read."""
    kind = foreign_kind(content)
    if kind is not None:
        return f"the image {name} is {kind}"
    if any(map(content.startswith, MAGIC)):
        return (
            f"the image {name} is broken, cut off or stored in a way that is not read (such as "
            "TIFF with floats): copy it again, or write it with 8 bits a channel"
        )
    formats = ", ".join(FORMATS)
    return f"the image {name} is broken or no image: it is none of {formats}"


MAGIC = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"GIF8": ".gif",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"II+\0": ".tif",
    b"MM\0+": ".tif",
}
"""First bytes of picture files, and the suffix of their format."""


def suffix_of(content: bytes) -> str:
    """Suffix for the format of an encoded picture. Raises UserError if it is not known."""
    for magic, suffix in MAGIC.items():
        if content.startswith(magic):
            return suffix
    if READS_AVIF and content[4:12] in (b"ftypavif", b"ftypavis"):
        return ".avif"
    kind = foreign_kind(content)
    if kind is not None:
        raise UserError(f"a picture is {kind}")
    raise UserError(f"a picture that starts with {content[:8]!r} has an unknown format")
