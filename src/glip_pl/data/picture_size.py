"""Which pixels the boxes of a picture are measured in: turned photographs, resized copies."""

from typing import Literal, NamedTuple, get_args

from PIL import Image
from PIL.ExifTags import Base

from glip_pl.data.images import upright
from glip_pl.data.index import Index
from glip_pl.data.records import Images
from glip_pl.errors import UserError

Exif = Literal["upright", "stored"]
"""How photographs with an EXIF orientation were annotated, if their size does not tell."""

Size = tuple[int, int]
"""Height and width in pixels."""


UPRIGHT = 1
"""EXIF orientation of a picture that is stored as it is shown."""

FIRST_QUARTER_TURN = 5
"""EXIF orientation from which on a turn exchanges height and width."""


def check_exif(exif: str) -> None:
    """Raise UserError unless the setting `exif` has one of its values."""
    if exif not in get_args(Exif):
        raise UserError(
            f"exif={exif} is neither upright nor stored: it says how photographs were annotated "
            "that are stored turned"
        )


class Frame(NamedTuple):
    """How a picture is used, and the pixel grid in which its boxes are measured."""

    orientation: int  # EXIF's: 1 if the picture is upright as it is stored, otherwise 2 to 8
    turned: bool  # whether the picture is turned upright
    size: Size  # of the grid
    problem: str | None  # message for the user; None if the picture fits its annotation


class FramedPicture(NamedTuple):
    """A picture, and the size of the pixel grid in which its boxes are measured."""

    image: Image.Image
    frame: Size  # may have other proportions than the picture
    problem: str | None  # message for the user; None if the picture fits its annotation


def framed(image: Image.Image, annotated: Size, name: str, exif: Exif = "upright") -> FramedPicture:
    """The picture to use, turned upright where `frame_of` says so, and the frame of its boxes."""
    frame = frame_of(image, annotated, name, exif)
    return FramedPicture(upright(image) if frame.turned else image, frame.size, frame.problem)


def load_framed(images: Images, index: Index, row: int, exif: Exif) -> FramedPicture:
    """The picture of a record, as `framed`. Raises UserError if it is missing or broken."""
    name = index.images[row]
    height, width = index.sizes[row].tolist()
    return framed(images.load(name), (height, width), name, exif)


def frame_of(image: Image.Image, annotated: Size, name: str, exif: Exif = "upright") -> Frame:
    """How a picture is used that was annotated in a size; reads its header, not its pixels.

    - With "upright" every photograph is turned by its EXIF orientation, as `predict` turns it. An
      annotated size that only the stored picture has says nothing, because programs that show
      pictures upright often write the size of the file: it is the unit of the boxes, no more.
    - With "stored" it is turned only if just the turned picture has the annotated proportions.
    - Boxes of a proportionally resized copy are measured in the annotated size.
    - Any other picture of another size is a problem: its boxes are used as pixels of the picture.

    `name` is the picture's name in the problem's message.
    """
    orientation = orientation_of(image)
    stored = (image.height, image.width)
    as_shown = stored[::-1] if orientation >= FIRST_QUARTER_TURN else stored
    fits_stored, fits_shown = _is_copy(stored, annotated), _is_copy(as_shown, annotated)
    turned = orientation != UPRIGHT and (exif == "upright" or (fits_shown and not fits_stored))
    if fits_stored or fits_shown:
        return Frame(orientation, turned, annotated, None)
    height, width = annotated
    problem = (
        f"{name} has {image.width}x{image.height} pixels, its annotation says {width}x{height}: "
        "its boxes are used as pixels of the picture"
    )
    return Frame(orientation, turned, as_shown if turned else stored, problem)


def orientation_of(image: Image.Image) -> int:
    """EXIF's orientation: 2 to 8 if the picture is stored turned or mirrored, otherwise UPRIGHT.

    TIFF files count as upright, because Pillow turns them while it reads them.
    """
    if image.format == "TIFF":
        return UPRIGHT
    try:
        value = image.getexif().get(Base.Orientation)
    except Exception:  # Pillow raises many kinds on broken EXIF data, which are only advice
        return UPRIGHT
    return value if isinstance(value, int) and value in range(2, 9) else UPRIGHT


def _is_copy(size: Size, annotated: Size) -> bool:
    """Whether a picture has the proportions of its annotation, up to the rounding of one pixel."""
    (height, width), (annotated_height, annotated_width) = size, annotated
    difference = width * annotated_height - height * annotated_width
    return abs(difference) <= max(annotated_height, annotated_width)
