"""Image files to RGB pictures, never outside their folder."""

import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from glip_pl.errors import UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"})

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
"""What is decoded, whatever a file is called; Pillow would hand EPS to an outside program."""

MAX_BYTES = 512 << 20
"""Of an encoded picture; no photograph is as large."""

HOW_TO_GET_DATA = (
    "paths.data (or the environment variable GLIP_DATA) names the folder that holds the datasets; "
    "docs/data.md tells how to get each of them and where it goes"
)


@dataclass(frozen=True)
class ImageFolder:
    """Pictures in one folder, or in the first of several that has them.

    Several, because one annotation file may speak of two collections (MDETR's mixed file), and
    people unpack Flickr30k with or without a folder per split.
    """

    roots: tuple[Path, ...]

    @classmethod
    def at(cls, roots: "str | Path | Sequence[str | Path]") -> "ImageFolder":
        """Folders that exist. Raises UserError if none does."""
        given = [Path(root) for root in ([roots] if isinstance(roots, str | Path) else roots)]
        found = tuple(root for root in given if root.is_dir())
        if not found:
            listing = " or ".join(map(str, given))
            raise UserError(f"no such image folder: {listing}. {HOW_TO_GET_DATA}")
        return cls(found)

    def read(self, name: str) -> bytes:
        """The encoded picture. Raises UserError if it is missing or outside the roots."""
        return read_file(self.find(name))

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if it is missing, broken, or outside the roots."""
        return load_image(self.find(name))

    def find(self, name: str) -> Path:
        """The file, in the first root that has it; a path in the first root if none has."""
        paths = [inside(root, name) for root in self.roots]
        if len(paths) > 1 or "\\" in name:  # which some tools write on Windows
            paths += [inside(root, name.replace("\\", "/")) for root in self.roots]
            return next((path for path in paths if path.is_file()), paths[0])
        return paths[0]


@dataclass(frozen=True)
class BesideFolder:
    """What readers share whose annotations are one file, and whose pictures lie in folders."""

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
    """`root / file_name`. Raises UserError if the name leads out of the root."""
    # By name only: links that the owner of the folder made may lead anywhere.
    folder = Path.cwd() / root
    path = Path(os.path.normpath(folder / file_name))
    if "\0" in file_name or not path.is_relative_to(os.path.normpath(folder)):
        raise UserError(f"the file name {file_name!r} leads out of {root}")
    return path


def matching(pattern: str) -> list[Path]:
    """The file or folder of that very name, or else all that match the pattern, sorted."""
    if Path(pattern).exists():  # a name may hold brackets
        return [Path(pattern)]
    # Path.glob wants a pattern relative to a folder, and people write absolute ones too.
    return sorted(map(Path, glob(pattern, recursive=True)))  # noqa: PTH207


def find_images(wanted: str) -> list[Path]:
    """Picture files of a file name, a folder (its own files) or a glob pattern, sorted.

    Raises UserError if there is none.
    """
    path = Path(wanted).expanduser()
    if path.is_file():
        return [path]
    candidates = path.iterdir() if path.is_dir() else matching(str(path))
    found = sorted(file for file in candidates if file.suffix.lower() in SUFFIXES)
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        raise UserError(f"image={wanted} names no picture (a file, a folder or a glob; {kinds})")
    return found


def load_image(path: Path) -> Image.Image:
    """The picture as RGB, as stored (no EXIF turn: annotations are made on stored pixels).

    Raises UserError if the file is missing, broken, or a decompression bomb.
    """
    return decode_image(read_file(path), str(path))


def upright(image: Image.Image) -> Image.Image:
    """The picture as its camera meant it to be seen, by EXIF."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # as many kinds as there are ways to break EXIF; it is only advice
        return image


def read_file(path: Path) -> bytes:
    """The bytes of a picture file. Raises UserError if it is missing or no picture's size."""
    try:
        if not path.is_file():  # a pipe, of all things, would block for ever
            raise FileNotFoundError
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"the image {path} has {path.stat().st_size} bytes: too large")
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"no such image: {path}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the image {path}: {error}") from error


def decode_image(content: bytes, name: str) -> Image.Image:
    """The picture of an encoded file as RGB; `name` is for messages. Raises as `load_image`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                image.load()
                return _rgb(image, name)
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(
            f"the image {name} is too large to be safe: {error}. Make it smaller"
        ) from error
    except Exception as error:  # Pillow raises many kinds on broken files, TypeError among them
        raise UserError(f"the image {name} is broken or no image: {error}") from error


def _rgb(image: Image.Image, name: str) -> Image.Image:
    """In 8 bits. Raises UserError for numbers of no known range, which Pillow would cut off."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        grey = np.asarray(image.convert("I"), dtype=np.int64)
        return Image.fromarray((grey >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise UserError(
            f"the image {name} holds numbers of no known range (Pillow's mode {image.mode}): write "
            "it with 8 or 16 bits a channel"
        )
    return image if image.mode == "RGB" else image.convert("RGB")


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
"""First bytes of picture files."""


def suffix_of(content: bytes) -> str:
    """By the first bytes of a picture file. Raises UserError if they are of no known format."""
    for magic, suffix in MAGIC.items():
        if content.startswith(magic):
            return suffix
    raise UserError(f"a picture that starts with {content[:8]!r} is of no known format")
