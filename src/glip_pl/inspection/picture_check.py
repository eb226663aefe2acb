"""Checks that the pictures of a set exist, can be decoded, and have the annotated size."""

from typing import Literal

from glip_pl.data.images import ImageFolder
from glip_pl.data.index import Index
from glip_pl.data.picture_size import framed
from glip_pl.data.problems import Problems
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.inspection.named_set import NamedSet
from glip_pl.terminal.progress import with_progress

Pictures = Literal["exist", "decode", "skip"]
"""How thoroughly pictures are checked."""


def check_pictures(
    named_set: NamedSet, index: Index, pictures: Pictures, problems: Problems
) -> None:
    """Note every picture that is missing, and with "decode" also broken ones and wrong sizes.

    A picture of several records is checked once.
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
        try:
            if isinstance(images, ImageFolder) and pictures == "exist":
                _require(images, name)
            else:
                _check_size(images, name, index, row, problems)
        except UserError as error:
            problems.note("missing or broken picture", str(error))


def _require(images: ImageFolder, name: str) -> None:
    """Raise UserError if there is no such file."""
    if not images.find(name).is_file():
        raise UserError(f"no such image: {images.find(name)}")


def _check_size(images: Images, name: str, index: Index, row: int, problems: Problems) -> None:
    """Note a size that training could not reconcile with the annotated one.

    Raises UserError if the picture cannot be decoded.
    """
    height, width = index.sizes[row].tolist()
    problem = framed(images.load(name), (height, width), name).problem
    if problem is not None:
        problems.note("picture of another size", problem)
