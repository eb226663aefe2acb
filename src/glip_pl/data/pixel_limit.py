"""The largest picture that is read: small files can claim to hold enough pixels to fill memory."""

import os
import warnings
from pathlib import Path
from threading import Lock
from typing import IO

from PIL import Image
from PIL.ImageFile import ImageFile

from glip_pl.errors import UserError

MAX_PIXELS = 1 << 28
"""Largest size of a picture, in pixels: telephones take photographs of 200 million.

The environment variable GLIP_MAX_PIXELS sets another limit.
"""

TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
"""What Pillow raises for a picture with more pixels."""

_lock = Lock()


def max_pixels() -> int:
    """Largest size of a picture that is read, in pixels.

    Raises UserError if the environment variable GLIP_MAX_PIXELS is no positive number.
    """
    text = os.environ.get("GLIP_MAX_PIXELS") or str(MAX_PIXELS)
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 1 << 40):
        raise UserError(f"GLIP_MAX_PIXELS={text:.40} is no number of pixels, such as {MAX_PIXELS}")
    return int(text)


def open_limited(file: Path | IO[bytes], formats: tuple[str, ...]) -> ImageFile:
    """The picture in a file of one of these formats, its pixels not yet decoded.

    Raises DecompressionBombWarning or DecompressionBombError for one with too many pixels, what
    Pillow raises for a file that it cannot read, and UserError as `max_pixels` does.

    Pillow reads its limit from a variable of its module and warns by Python's global filters. Both
    are as before afterwards, since the caller's own pictures are not ours to limit; the lock keeps
    threads from restoring each other's values.
    """
    limit = max_pixels()
    with _lock, warnings.catch_warnings():
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = limit
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(file, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = before
