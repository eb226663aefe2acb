"""Pascal VOC: an XML file for each picture, lists of pictures in ImageSets/Main."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np

from glip_pl.data.category_names import category_name
from glip_pl.data.formats.voc_files import VocFiles, find_files, picture_name
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.images import FORMATS
from glip_pl.data.picture_names import FolderNames
from glip_pl.data.pixel_limit import TOO_LARGE, open_limited
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record, box_array
from glip_pl.errors import UserError
from glip_pl.files.plain_xml import read_plain_xml

MALFORMED = (OSError, ParseError, AttributeError, TypeError, ValueError, LookupError)
"""Errors that reading a damaged XML file raises; LookupError for an unknown encoding."""


@dataclass(frozen=True)
class VocXml:
    """Detection data below a folder with Annotations, JPEGImages and perhaps ImageSets/Main.

    A folder per split with XML files beside the pictures, as Roboflow exports it, is read too.
    Categories are `names`, or else all that occur in any split, sorted. Objects marked difficult
    are left out.
    """

    annotations: str | Path
    split: str | None = None  # a file of ImageSets/Main or a folder; None: all pictures
    names: Sequence[str] | None = None

    @cached_property
    def _files(self) -> VocFiles:
        return find_files(Path(self.annotations), self.split)

    @property
    def files(self) -> Sequence[Path]:
        """The list of pictures, if there is one, and the XML files."""
        listing = [] if self._files.listing is None else [self._files.listing]
        others = self._files.others if self.names is None else ()
        return [*listing, *self._files.xml, *others]

    def open_images(self) -> ImageFolder:
        """The folders that pictures may lie in."""
        return ImageFolder.at(self._files.pictures)

    def read(self, problems: Problems) -> Contents:
        """One record per XML file."""
        parsed = list(self._parsed(problems))
        names = self.names
        if names is None:
            found = {name for _, box_names in parsed for name in box_names}
            names = sorted(found.union(*map(_names_in, self._files.others)))
        names = [str(name) for name in names]
        label_of = {name: label for label, name in enumerate(names)}
        records = []
        for record, box_names in parsed:
            known = np.asarray([name in label_of for name in box_names], dtype=bool)
            for name in sorted({name for name in box_names if name not in label_of}):
                message = f"{self.annotations}: {record.image} has the category {name!r}"
                remedy = "correct the setting `names`, or set it to null for all that occur"
                problems.error("unknown category", f"{message}, which is not in `names`: {remedy}")
            labels = [label_of[name] for name in box_names if name in label_of]
            records.append(
                replace(
                    record,
                    boxes=record.boxes[known],
                    targets=np.asarray(labels, dtype=np.int64),
                    incomplete=record.incomplete or not known.all(),
                )
            )
        return Contents(iter(records), names)

    def _parsed(self, problems: Problems) -> Iterator[tuple[Record, list[str]]]:
        """Records whose targets are not known yet, and the category of each of their boxes."""
        pictures = _Pictures(self.open_images())
        xml = self._files.xml
        for number, (file, image_id) in enumerate(zip(xml, _image_ids(xml), strict=True)):
            try:
                yield _parse(file, image_id, pictures)
            except MALFORMED as error:
                problems.error("broken XML", f"{file} is not VOC's XML: {error}", number + 1)


class _Pictures:
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


def _names_in(file: Path) -> set[str]:
    """The categories in a file; none if it is malformed, which is told when its split is read."""
    try:
        return {category_name(_text(node, "name")) for node in _tree(file).iter("object")}
    except MALFORMED:
        return set()


def _parse(file: Path, image_id: int, pictures: _Pictures) -> tuple[Record, list[str]]:
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


def _image_ids(files: Sequence[Path]) -> Sequence[int]:
    """The numbers in the file names (2008_000001, 000012) if all differ, or else positions."""
    digits = [file.stem.replace("_", "") for file in files]
    if all(text.isdecimal() and len(text) < 18 for text in digits):
        numbers = [int(text) for text in digits]
        if len(set(numbers)) == len(numbers):
            return numbers
    return range(len(files))
