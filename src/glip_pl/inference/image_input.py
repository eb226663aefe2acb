"""Pictures as a caller gives them: files, folders, patterns, Pillow images, arrays and tensors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from glip_pl.data.images import find_images, load_image, upright
from glip_pl.data.pixels import rgb
from glip_pl.errors import UserError

ImageInput = str | Path | Image.Image | NDArray[Any] | Tensor | Iterable[Any]
"""A picture or several.

A path, a folder or a pattern such as "photos/*.jpg"; a Pillow image; an array (H, W), (H, W, 3) or
(H, W, 4) in the order red, green, blue, alpha (uint8; grey also uint16); a tensor (3, H, W) uint8;
or a list of these. An array or tensor with one dimension more is a list.
"""


@dataclass(frozen=True, eq=False)
class ImageSource:
    """A picture that is decoded when it is needed, so that a long list takes no memory."""

    name: str  # for messages
    path: Path | None  # None: the caller gave the pixels
    given: Image.Image | None = None

    def open(self) -> Image.Image:
        """The picture as RGB, turned upright by its EXIF orientation.

        Raises UserError if it cannot be read.
        """
        if self.given is None:
            assert self.path is not None
            return upright(load_image(self.path))
        return upright(rgb(self.given, self.name))


def is_single(images: ImageInput) -> bool:
    """Whether this is one picture and not several: a list, a folder or a pattern."""
    if isinstance(images, str | Path):
        return Path(images).expanduser().is_file()
    if isinstance(images, np.ndarray):
        return images.ndim < 4
    return isinstance(images, Image.Image) or (isinstance(images, Tensor) and images.dim() < 4)


def image_sources(images: ImageInput) -> Iterator[ImageSource]:
    """Each picture, not yet decoded; lists may be iterators of any length.

    Raises UserError for a file that does not exist, and for what is no picture.
    """
    for number, one in enumerate([images] if is_single(images) else _listed(images)):
        if isinstance(one, ImageSource):
            yield one
        elif isinstance(one, str | Path):
            _refuse_address(str(one))
            yield from (ImageSource(str(path), path) for path in find_images(str(one), "images"))
        else:
            name = getattr(one, "filename", "") or f"number {number} given to the predictor"
            path = Path(one.filename) if getattr(one, "filename", "") else None
            yield ImageSource(name, path, _pillow(one, name))


def _listed(images: ImageInput) -> Iterable[Any]:
    """The members of a list; a folder or pattern is a list of its own."""
    if isinstance(images, str | Path):
        return [images]
    if not isinstance(images, Iterable) or isinstance(images, bytes | dict):
        raise UserError(f"{type(images).__name__} is no picture: {_ACCEPTED}")
    return images


def _refuse_address(path: str) -> None:
    # A Path has one slash after the colon.
    if path.startswith(("http:/", "https:/")):
        raise UserError(f"{path} is an address: download the picture and give its path")


_ACCEPTED = (
    "give a path, a Pillow image, an array (H, W, 3) of uint8 in the order red, green, blue, or a "
    "tensor (3, H, W) of uint8"
)


def _pillow(image: Any, name: str) -> Image.Image:
    """A picture in memory as a Pillow image. Raises UserError for other shapes and types."""
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, Tensor):
        if image.dim() != 3 or image.shape[0] not in (1, 3) or str(image.dtype) != "torch.uint8":
            shape = tuple(image.shape)
            raise UserError(f"the picture {name} is a {image.dtype} tensor {shape}: {_ACCEPTED}")
        _refuse_empty(image.numel(), name, tuple(image.shape))
        array = image.permute(1, 2, 0).cpu().numpy()
        return Image.fromarray(np.ascontiguousarray(array[..., 0] if len(image) == 1 else array))
    if not isinstance(image, np.ndarray):
        raise UserError(f"the picture {name} is a {type(image).__name__}: {_ACCEPTED}")
    grey = image.ndim == 2
    known = grey or (image.ndim == 3 and image.shape[2] in (3, 4))
    if not known or image.dtype not in ((np.uint8, np.uint16) if grey else (np.uint8,)):
        raise UserError(
            f"the picture {name} is an array of {image.dtype} with shape {image.shape}: {_ACCEPTED}"
        )
    _refuse_empty(image.size, name, image.shape)
    return Image.fromarray(np.ascontiguousarray(image))


def _refuse_empty(numbers: int, name: str, shape: tuple[int, ...]) -> None:
    if not numbers:
        raise UserError(f"the picture {name} has no pixels: its shape is {shape}")
