"""Image files to RGB pictures, never outside their folder."""

import os
import warnings
from glob import glob
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from glip_pl.errors import UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def inside(root: Path, file_name: str) -> Path:
    """`root / file_name`. Raises UserError if the name leads out of the root."""
    # By name only: links that the owner of the folder made may lead anywhere.
    folder = Path.cwd() / root
    path = Path(os.path.normpath(folder / file_name))
    if not path.is_relative_to(os.path.normpath(folder)):
        raise UserError(f"the file name {file_name!r} leads out of {root}")
    return path


def find_images(wanted: str) -> list[Path]:
    """Picture files of a file name, a folder (its own files) or a glob pattern, sorted.

    Raises UserError if there is none.
    """
    path = Path(wanted).expanduser()
    if path.is_file():
        return [path]
    # Path.glob wants a pattern relative to a folder; people write absolute ones too.
    matches = glob(str(path), recursive=True)  # noqa: PTH207
    candidates = path.iterdir() if path.is_dir() else map(Path, matches)
    found = sorted(file for file in candidates if file.suffix.lower() in SUFFIXES)
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        raise UserError(f"image={wanted} names no picture (a file, a folder or a glob; {kinds})")
    return found


def load_image(path: Path) -> Image.Image:
    """The picture as RGB, as stored (no EXIF turn: annotations are made on stored pixels).

    Raises UserError if the file is missing, broken, or a decompression bomb.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return image.convert("RGB")
    except FileNotFoundError:
        raise UserError(f"no such image: {path}") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UserError(f"the image {path} is broken or no image: {error}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(f"the image {path} is too large to be safe: {error}") from error
