"""Pascal VOC: an XML file for each picture, lists of pictures in ImageSets/Main."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np

from glip_pl.data.images import ImageFolder, inside
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record, box_array
from glip_pl.errors import UserError


@dataclass(frozen=True)
class VocXml:
    """Detection data below a folder with Annotations, JPEGImages and perhaps ImageSets/Main.

    Categories are `names`, or else all that occur, sorted. Objects marked difficult are left out.
    """

    annotations: str | Path
    split: str | None = None  # a file of ImageSets/Main; None: all pictures
    names: Sequence[str] | None = None

    @cached_property
    def files(self) -> Sequence[Path]:
        """The list of pictures, if there is a split, and the XML files."""
        root = Path(self.annotations)
        folder = root / "Annotations"
        if self.split is None:
            xml_files = sorted(folder.glob("*.xml"))
            if not xml_files:
                raise UserError(f"{folder} holds no .xml file")
            return xml_files
        listing = root / "ImageSets" / "Main" / f"{self.split}.txt"
        if not listing.is_file():
            raise UserError(f"no such list of pictures: {listing}")
        stems = [
            line.split()[0]
            for line in listing.read_text(errors="replace").splitlines()
            if line.strip()
        ]
        return [listing, *(inside(folder, f"{stem}.xml") for stem in stems)]

    def open_images(self) -> ImageFolder:
        """The folder JPEGImages."""
        return ImageFolder.at(Path(self.annotations) / "JPEGImages")

    def read(self, problems: Problems) -> Contents:
        """One record per XML file."""
        parsed = []
        files = [file for file in self.files if file.suffix == ".xml"]
        for number, (file, image_id) in enumerate(zip(files, _image_ids(files), strict=True)):
            try:
                parsed.append(_parse(file, image_id))
            except (OSError, ParseError, AttributeError, TypeError, ValueError) as error:
                problems.error("broken XML", f"{file} is not VOC's XML: {error}", number + 1)
        names = self.names
        if names is None:
            names = sorted({name for _, box_names in parsed for name in box_names})
        names = [str(name) for name in names]
        label_of = {name: label for label, name in enumerate(names)}
        records = []
        for record, box_names in parsed:
            known = np.asarray([name in label_of for name in box_names], dtype=bool)
            for name in sorted({name for name in box_names if name not in label_of}):
                message = f"{self.annotations}: {record.image} has the category {name!r}"
                problems.error("unknown category", f"{message}, which is not in `names`")
            labels = [label_of[name] for name in box_names if name in label_of]
            targets = np.asarray(labels, dtype=np.int64)
            records.append(replace(record, boxes=record.boxes[known], targets=targets))
        return Contents(iter(records), names)


def _parse(file: Path, image_id: int) -> tuple[Record, list[str]]:
    """A record whose targets are not known yet, and the category of each of its boxes.

    Raises OSError, ParseError, TypeError or ValueError if the file is malformed.
    """
    content = file.read_bytes()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError("it declares a document type, which may expand without end")
    tree = fromstring(content)
    boxes, names = [], []
    for node in tree.iter("object"):
        if node.findtext("difficult", "0").strip() == "1":
            continue
        names.append(_text(node, "name"))
        x1, y1, x2, y2 = (
            float(_text(node, f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")
        )
        # Pixels count from 1 and the last one belongs to the box.
        boxes.append([x1 - 1, y1 - 1, x2, y2])
    size = int(_text(tree, "size/height")), int(_text(tree, "size/width"))
    image = tree.findtext("filename", "").strip() or f"{file.stem}.jpg"
    no_targets = np.zeros(len(boxes), dtype=np.int64)
    return Record(image, size, image_id, box_array(boxes), no_targets), names


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
