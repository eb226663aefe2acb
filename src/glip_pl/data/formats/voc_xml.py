"""One XML file of Pascal VOC's form."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np

from glip_pl.data.category_names import category_name
from glip_pl.data.formats.voc_files import picture_name
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.images import FORMATS
from glip_pl.data.picture_names import FolderNames
from glip_pl.data.pixel_limit import TOO_LARGE, open_limited
from glip_pl.data.records import Record, box_array
from glip_pl.errors import UserError
from glip_pl.files.plain_xml import read_plain_xml

MALFORMED = (OSError, ParseError, AttributeError, TypeError, ValueError, LookupError)
"""Errors that reading a damaged XML file raises; LookupError for an unknown encoding."""


class Pictures:
    """The pictures that belong to XML files."""

    def __init__(self, images: ImageFolder) -> None:
        self.images = images
        self.names = FolderNames()

    def name(self, file: Path, given: str) -> str:
        """The name of the picture of an XML file that names the file `given`."""
        return picture_name(self.images, self.names, file.stem, given)

    def size(self, name: str) -> tuple[int, int]:
        """Height and width of a picture. Raises ValueError if it cannot be read."""
        try:
            with open_limited(self.images.find(name), FORMATS) as image:
                return image.height, image.width
        except (UserError, OSError, *TOO_LARGE) as error:
            raise ValueError(f"it gives no <size>, and its picture cannot tell: {error}") from error


def _tree(file: Path) -> Element:
    """The root of an XML file. Raises one of MALFORMED if it is not VOC's."""
    tree = read_plain_xml(file)
    if tree.tag != "annotation":
        raise ValueError(f"its root is <{tree.tag:.40}>, not <annotation>")
    return tree


def names_in(file: Path) -> set[str]:
    """The categories in a file; none if it is malformed, which is told when its split is read."""
    try:
        return {category_name(_text(node, "name")) for node in _tree(file).iter("object")}
    except MALFORMED:
        return set()


def parse(file: Path, image_id: int, pictures: Pictures) -> tuple[Record, list[str]]:
    """A record whose targets are not known yet, and the category of each of its boxes.

    Raises one of MALFORMED if the file is malformed.
    """
    tree = _tree(file)
    boxes, names, difficult = [], [], False
    for node in tree.iter("object"):
        if node.findtext("difficult", "0").strip() == "1":
            difficult = True
            continue
        names.append(category_name(_text(node, "name")))
        x1, y1, x2, y2 = (
            float(_text(node, f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")
        )
        # Pixels count from 1 and the last one belongs to the box.
        boxes.append([x1 - 1, y1 - 1, x2, y2])
    image = pictures.name(file, tree.findtext("filename", "").strip())
    width, height = (int(tree.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    size = (height, width) if height and width else pictures.size(image)
    no_targets = np.zeros(len(boxes), dtype=np.int64)
    record = Record(image, size, image_id, box_array(boxes), no_targets, incomplete=difficult)
    return record, names


def _text(node: Element, path: str) -> str:
    """The text of a node below this one. Raises ValueError if there is none."""
    text = node.findtext(path)
    if text is None:
        raise ValueError(f"<{path}> is missing")
    return text.strip()
