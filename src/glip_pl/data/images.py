"""Image files to RGB pictures, never outside their folder."""

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from glip_pl.errors import UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def inside(root: Path, file_name: str) -> Path:
    """`root / file_name`. Raises UserError if the name leads out of the root."""
    path = (root / file_name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise UserError(f"the file name {file_name!r} leads out of {root}")
    return path


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
