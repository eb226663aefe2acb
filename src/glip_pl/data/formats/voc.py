"""Pascal VOC: one XML file per picture, lists of pictures in ImageSets/Main."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    split: str | None = None  # a file of ImageSets/Main; all pictures if not given
    names: Sequence[str] | None = None

    @cached_property
    def files(self) -> Sequence[Path]:
        """The XML files, after the list that names them."""
        root = Path(self.annotations)
        folder = root / "Annotations"
        if self.split is None:
            found = sorted(folder.glob("*.xml"))
            if not found:
                raise UserError(f"{folder} holds no .xml file")
            return found
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
        """JPEGImages."""
        return ImageFolder.at(Path(self.annotations) / "JPEGImages")

    def read(self, problems: Problems) -> Contents:
        """One record per XML file."""
        parsed = []
        files = [file for file in self.files if file.suffix == ".xml"]
        for number, (file, image_id) in enumerate(zip(files, _ids(files), strict=True)):
            try:
                parsed.append(self._parse(file, image_id))
            except (OSError, ParseError, AttributeError, TypeError, ValueError) as error:
                problems.error("broken XML", f"{file} is not VOC's XML: {error}", number + 1)
        found = sorted({name for _, names in parsed for name in names})
        names = found if self.names is None else [str(name) for name in self.names]
        index_of = {name: index for index, name in enumerate(names)}
        records = []
        for record, labels in parsed:
            known = np.asarray([label in index_of for label in labels], dtype=bool)
            for label in sorted({label for label in labels if label not in index_of}):
                message = f"{self.annotations}: {record.image} has the category {label!r}"
                problems.error("unknown category", f"{message}, which is not in `names`")
            targets = [index_of[label] for label in labels if label in index_of]
            records.append(
                Record(
                    image=record.image,
                    size=record.size,
                    image_id=record.image_id,
                    boxes=record.boxes[known],
                    targets=np.asarray(targets, dtype=np.int64),
                )
            )
        return Contents(iter(records), names)

    def _parse(self, file: Path, image_id: int) -> tuple[Record, list[str]]:
        """A record without targets, and the names of its boxes."""
        content = file.read_bytes()
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise ValueError("it declares a document type, which may expand without end")
        tree = fromstring(content)
        boxes, labels = [], []
        for thing in tree.iter("object"):
            if thing.findtext("difficult", "0").strip() == "1":
                continue
            labels.append(_text(thing, "name"))
            corners = [
                float(_text(thing, f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")
            ]
            # Pixels count from 1 and the last one belongs to the box.
            boxes.append([corners[0] - 1, corners[1] - 1, corners[2], corners[3]])
        size = int(_text(tree, "size/height")), int(_text(tree, "size/width"))
        name = tree.findtext("filename", "").strip() or f"{file.stem}.jpg"
        nothing = np.zeros(len(boxes), dtype=np.int64)
        return Record(name, size, image_id, box_array(boxes), nothing), labels


def _text(node: Element, path: str) -> str:
    found = node.findtext(path)
    if found is None:
        raise ValueError(f"<{path}> is missing")
    return found.strip()


def _ids(files: Sequence[Path]) -> Sequence[int]:
    """The pictures' own numbers (2008_000001, 000012) if each has another, or their places."""
    digits = [file.stem.replace("_", "") for file in files]
    if all(one.isdecimal() and len(one) < 18 for one in digits):
        numbers = [int(one) for one in digits]
        if len(set(numbers)) == len(numbers):
            return numbers
    return range(len(files))
