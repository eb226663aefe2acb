"""Reads picture files as RGB, and never a file outside the configured folders."""

import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from glip_pl.data.file_kinds import foreign_kind
from glip_pl.data.pixels import rgb
from glip_pl.errors import UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"})

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
"""Formats that are decoded, whatever a file's suffix; for EPS Pillow would start a program."""

MAX_BYTES = 512 << 20
"""Largest size of an encoded picture, in bytes; no photograph is as large."""

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
        """Path of a file in the first folder that has it, or else in the first folder."""
        paths = [inside(root, name) for root in self.roots]
        if len(paths) > 1 or "\\" in name:  # a separator that some tools write on Windows
            paths += [inside(root, name.replace("\\", "/")) for root in self.roots]
            return next((path for path in paths if path.is_file()), paths[0])
        return paths[0]


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
    """The path `root / file_name`. Raises UserError if it lies outside `root`."""
    # Symbolic links are not resolved: those that the folder's owner made may lead anywhere.
    folder = Path.cwd() / root
    path = Path(os.path.normpath(folder / file_name))
    if "\0" in file_name or not path.is_relative_to(os.path.normpath(folder)):
        raise UserError(f"the file name {file_name!r} leads out of {root}")
    return path


def matching(pattern: str) -> list[Path]:
    """The file or folder with this name, or else all paths that match the pattern, sorted."""
    if Path(pattern).exists():  # a name may hold brackets
        return [Path(pattern)]
    # Path.glob needs a pattern relative to a folder, and people write absolute patterns too.
    return sorted(map(Path, glob(pattern, recursive=True)))  # noqa: PTH207


def find_images(pattern: str) -> list[Path]:
    """Sorted picture files: one file, the files directly in a folder, or those of a glob pattern.

    Raises UserError if there is none.
    """
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    candidates = path.iterdir() if path.is_dir() else matching(str(path))
    images = sorted(file for file in candidates if file.suffix.lower() in SUFFIXES)
    if not images:
        kinds = ", ".join(sorted(SUFFIXES))
        raise UserError(f"image={pattern} names no picture (a file, a folder or a glob; {kinds})")
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


def decode_image(content: bytes, name: str) -> Image.Image:
    """An encoded picture as RGB; `name` is for messages. Raises the errors of `load_image`."""
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
            f"the image {name} is too large to be safe: {error}. Make it smaller"
        ) from error
    except Exception as error:  # Pillow raises many kinds on broken files, TypeError among them
        raise UserError(f"the image {name} is broken or no image: {error}") from error


def _unidentified(content: bytes, name: str) -> str:
    """The message about a file that is no picture of a format that is read."""
    kind = foreign_kind(content)
    if kind is not None:
        return f"the image {name} is {kind}"
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
    kind = foreign_kind(content)
    if kind is not None:
        raise UserError(f"a picture is {kind}")
    raise UserError(f"a picture that starts with {content[:8]!r} has an unknown format")
