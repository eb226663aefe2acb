"""Pictures of requests, decoded within the limits of the server."""

import io
from collections.abc import Sequence

from PIL import Image

from glip_pl.data import pixel_limit
from glip_pl.data.images import FORMATS, decode_image, upright
from glip_pl.errors import UserError
from glip_pl.inference.image_input import ImageSource


class PictureSizeError(UserError):
    """A picture has more pixels than the server takes, or several have together."""


def decoded(content: bytes, pixels: int) -> Image.Image:
    """The picture of a request as RGB, turned upright.

    Raises UserError if it is broken or has more than `pixels` pixels.
    """
    _check_size(content, "image", pixels)
    return upright(decode_image(content, "of the request"))


def example_sources(contents: Sequence[bytes], pixels: int) -> list[ImageSource]:
    """Example pictures of a request, decoded; together they may have as many pixels as one.

    Raises UserError if one is broken or they are too large.
    """
    total = 0
    for index, content in enumerate(contents):
        total += _check_size(content, f"like[{index}]", pixels)
    if total > pixels:
        raise PictureSizeError(
            f"like: {len(contents)} pictures with {total} pixels; this server takes at most "
            f"{pixels} in all of them: make them smaller"
        )
    return [
        ImageSource(f"like[{index}]", None, decode_image(content, f"like[{index}] of the request"))
        for index, content in enumerate(contents)
    ]


def _check_size(content: bytes, field: str, pixels: int) -> int:
    """The pixels that a picture file says it has; 0 for one that is broken.

    Raises PictureSizeError if there are more than `pixels`.
    """
    remedy = f"this server takes at most {pixels}: make it smaller"
    try:
        with pixel_limit.open_limited(io.BytesIO(content), FORMATS) as image:
            width, height = image.size
    except pixel_limit.TOO_LARGE:
        size = f"more than {pixel_limit.max_pixels()} pixels"
        raise PictureSizeError(f"{field}: {size}; {remedy}") from None
    except Exception:  # the same error with a message comes from decoding
        return 0
    if width * height > pixels:
        raise PictureSizeError(f"{field}: {width} x {height} pixels; {remedy}")
    return width * height
