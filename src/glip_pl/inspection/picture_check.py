"""Checks that pictures can be read and have the annotated size, and notes how they are turned."""

import warnings
from typing import Literal

from PIL import Image

from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.images import FORMATS
from glip_pl.data.index import Index
from glip_pl.data.picture_size import UPRIGHT, Exif, Size, frame_of
from glip_pl.data.pixel_limit import open_limited
from glip_pl.data.problems import Problems
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.inspection.named_set import NamedSet
from glip_pl.terminal.progress import with_progress

Pictures = Literal["exist", "decode", "skip"]
"""How thoroughly pictures are checked."""

REPLACED = "picture found under a similar name"
"""Kind of notes about pictures that annotations name in another way; they are read."""

TURNED_KINDS = (
    "photograph that is turned upright by its EXIF orientation",
    "photograph with an EXIF orientation that is used as stored",
)
"""Kinds of notes about photographs that are stored turned; they are no mistakes by themselves."""


def check_pictures(
    named_set: NamedSet, index: Index, pictures: Pictures, problems: Problems
) -> None:
    """Note pictures that are missing, broken, of another size, or stored turned.

    With "exist" only the headers of files are read, with "decode" all pixels. A picture of several
    records is checked once.
    """
    if pictures == "skip":
        return
    images = named_set.reader.open_images()
    if pictures == "exist" and not isinstance(images, ImageFolder):
        return  # pictures inside archives: the reader has found them there
    checked: set[str] = set()
    for row in with_progress(range(len(index)), len(index), f"{named_set.name}: picture"):
        name = index.images[row]
        if name in checked:
            continue
        checked.add(name)
        height, width = index.sizes[row].tolist()
        try:
            image = images.load(name) if pictures == "decode" else _header(images, name)
        except UserError as error:
            problems.note("missing or broken picture", str(error))
        else:
            _check_frame(image, (height, width), name, named_set.exif, problems)
    if isinstance(images, ImageFolder):
        for path, name in images.replaced.items():
            problems.leave_out(REPLACED, f"{name!r}: {path} is read")
        for message in images.contested(checked):
            problems.note("missing or broken picture", message)


def _header(images: Images, name: str) -> Image.Image:
    """A picture whose pixels have not been read. Raises UserError if it is missing or broken."""
    assert isinstance(images, ImageFolder)
    path = images.find(name)
    try:
        with warnings.catch_warnings(action="ignore"), open_limited(path, FORMATS) as image:
            if image.format == "PNG":  # Pillow would decode it to look for EXIF behind the pixels
                image.info.setdefault("exif", b"")
            image.getexif()  # Pillow keeps it after the file is closed
            return image
    except Exception:  # Pillow raises many kinds; what training would say is the better message
        return images.load(name)


def _check_frame(
    image: Image.Image, annotated: Size, name: str, exif: Exif, problems: Problems
) -> None:
    """Note a size that training cannot reconcile with the annotated one, and an EXIF turn."""
    frame = frame_of(image, annotated, name, exif)
    if frame.problem is not None:
        problems.note("picture of another size", frame.problem)
    if frame.orientation != UPRIGHT:
        other: Exif = "stored" if exif == "upright" else "upright"
        certain = frame_of(image, annotated, name, other).turned == frame.turned
        reason = "the annotated size" if certain else f"the setting exif={exif}"
        problems.note(
            TURNED_KINDS[0 if frame.turned else 1],
            f"{name}: EXIF orientation {frame.orientation}, stored as {image.width}x{image.height},"
            f" annotated as {annotated[1]}x{annotated[0]}; decided by {reason}",
        )
