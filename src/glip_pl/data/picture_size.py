"""Which pixels the boxes of a picture are measured in when its size is not the annotated one."""

from typing import NamedTuple

from PIL import Image

from glip_pl.data.images import upright


class FramedPicture(NamedTuple):
    """A picture, and the size of the pixel grid in which its boxes are measured."""

    image: Image.Image
    frame: tuple[int, int]  # (height, width) in which the boxes are measured, pixels
    problem: str | None  # message for the user; None if the picture fits its annotation


def framed(image: Image.Image, annotated: tuple[int, int], name: str) -> FramedPicture:
    """The picture to use, and the frame of its boxes; `annotated` is (height, width), pixels.

    - A photograph that was annotated upright is turned by its EXIF orientation.
    - A proportionally resized copy stays as it is; its boxes are measured in the annotated size.
    - Any other picture of another size is a problem: its boxes are used as pixels of the picture.

    `name` is the picture's name in the problem's message.
    """
    height, width = annotated
    turned = image.size == (height, width) != (width, height)
    if turned and upright(image).size != image.size:
        return FramedPicture(upright(image), annotated, None)
    if image.size == (width, height):
        return FramedPicture(image, annotated, None)
    if abs(image.width * height - image.height * width) <= max(height, width):
        return FramedPicture(image, annotated, None)
    problem = (
        f"{name} has {image.width}x{image.height} pixels, its annotation says {width}x{height}: "
        "its boxes are used as pixels of the picture"
    )
    return FramedPicture(image, (image.height, image.width), problem)
