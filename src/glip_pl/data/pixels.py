"""Converts pictures of any mode to RGB with 8 bits a channel, and warns where that loses much."""

import logging

import numpy as np
from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from glip_pl.errors import UserError

log = logging.getLogger(__name__)

TWELVE_BITS = 1 << 12
"""Number of values that 12-bit cameras, such as those of microscopes, distinguish."""

_reported: set[str] = set()
"""Kinds of pictures of which this process has warned already."""


def rgb(image: Image.Image, name: str) -> Image.Image:
    """The picture as RGB with 8 bits a channel; `name` is for messages.

    Warns, once per process and kind, of animations, of transparent pixels and of 12-bit values.
    Raises UserError for pixel values of unknown range, which Pillow would clip.
    """
    _check_frames(image, name)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return _upper_bits(image, name)
    if image.mode in ("I", "F"):
        raise UserError(
            f"the image {name} holds numbers of no known range (Pillow's mode {image.mode}): write "
            "it with 8 or 16 bits a channel"
        )
    _check_transparency(image, name)
    return image.convert("RGB")


def _upper_bits(image: Image.Image, name: str) -> Image.Image:
    """The upper 8 bits of each 16-bit grey value, as RGB."""
    grey = np.asarray(image.convert("I"), dtype=np.int64)
    if grey.size and 0 < int(grey.max()) < TWELVE_BITS:
        _warn_once(
            "12 bits",
            f"the image {name} has 16 bits a pixel but no value above {int(grey.max())}: the model "
            "sees it almost black. Multiply the values so that white is 65535",
        )
    picture = Image.fromarray((grey >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if "exif" in image.info:  # which Pillow's own conversions keep too
        picture.info["exif"] = image.info["exif"]
    return picture


def _check_transparency(image: Image.Image, name: str) -> None:
    """Warn of transparent pixels."""
    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
        return
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    if lowest != 255:
        _warn_once(
            "transparency",
            f"the image {name} has transparent pixels: the model sees the colours stored beneath "
            "them, often black. Save it on an opaque background",
        )


def _check_frames(image: Image.Image, name: str) -> None:
    """Warn of a file with several pictures, unless the caller has chosen another than the first."""
    if isinstance(image, MpoImageFile):  # a photograph with previews of itself
        return
    try:
        several = bool(getattr(image, "is_animated", False)) and image.tell() == 0
    except Exception:  # a damaged later frame; Pillow raises many kinds
        several = False
    if several:
        _warn_once(
            "frames",
            f"the image {name} holds several frames or pages: only the first is used. Save the "
            "others as files of their own",
        )


def _warn_once(kind: str, message: str) -> None:
    """Log a warning, unless this process has warned of another picture of this kind."""
    if kind not in _reported:
        _reported.add(kind)
        log.warning("%s (other such pictures are not reported)", message)
