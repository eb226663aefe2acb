"""Reads picture files as RGB."""

import io
import logging
from glob import glob
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from glip_pl.data.file_kinds import READS_AVIF, foreign_kind
from glip_pl.data.picture_names import FolderNames
from glip_pl.data.pixel_limit import TOO_LARGE, max_pixels, open_limited
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

MAX_BYTES = 512 << 20
"""Largest size of an encoded picture, in bytes; no photograph is as large."""

SMALL = 1024
"""Bytes below which a file is looked at already when it is searched for: pictures have more."""

HOW_TO_GET_DATA = (
    "paths.data (or the environment variable GLIP_DATA) names the folder that holds the datasets; "
    "docs/data.md says how to get each dataset and where to put it"
)


def matching(pattern: str) -> list[Path]:
    """The file or folder with this name, or else all paths that match the pattern, sorted."""
    if Path(pattern).exists():  # a name may hold brackets
        return [Path(pattern)]
    # Path.glob needs a pattern relative to a folder, and people write absolute patterns too.
    return sorted(map(Path, glob(pattern, recursive=True)))  # noqa: PTH207  # see above


def find_images(pattern: str, setting: str = "image") -> list[Path]:
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
            f"{setting}={pattern} names no picture (a file, a folder or a glob; {kinds}){hint}"
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


def checked(path: Path) -> Path:
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
    try:
        with open_limited(io.BytesIO(content), FORMATS) as image:
            picture = rgb(image, name)
            picture.load()
            return picture
    except UserError:
        raise
    except UnidentifiedImageError:  # its message names the buffer in memory
        raise UserError(_unidentified(content, name)) from None
    except TOO_LARGE as error:
        raise UserError(
            f"the image {name} has more than {max_pixels()} pixels, too large to be safe: make it "
            "smaller, or set the environment variable GLIP_MAX_PIXELS"
        ) from error
    except Exception as error:  # Pillow raises many kinds on broken files, TypeError among them
        raise UserError(f"the image {name} is broken or no image: {error}") from error


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
