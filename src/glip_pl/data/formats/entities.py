"""Flickr30k Entities as its authors publish it: sentences with marked phrases, boxes in XML."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import ParseError

from glip_pl.data.image_folder import inside
from glip_pl.errors import UserError
from glip_pl.files.plain_xml import read_plain_xml

_PHRASE = re.compile(r"\[/EN#(\d+)((?:/[^\s/]+)*)\s")
"""The mark before a phrase, such as "[/EN#12/people/other ": coreference chain and kinds."""

Box = tuple[float, float, float, float]
"""Corners as in the XML, pixels."""


@dataclass(frozen=True)
class Entity:
    """A phrase of a sentence that has boxes."""

    boxes: Sequence[Box]
    kinds: Sequence[str]  # people, clothing, bodyparts, animals, vehicles, instruments, ...


def read_entities(root: Path, image: str) -> list[list[Entity]]:
    """The phrases with boxes of each sentence of an image, in the order of the sentence.

    `root` holds the folders Annotations and Sentences. Raises UserError if a file is missing or
    malformed.
    """
    boxes = _read_boxes(inside(root / "Annotations", f"{image}.xml"))
    path = inside(root / "Sentences", f"{image}.txt")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the sentences of Flickr30k Entities: {error}") from error
    return [
        [
            Entity(boxes[chain], kinds.strip("/").split("/") if kinds else [])
            for chain, kinds in _PHRASE.findall(line)
            if chain in boxes
        ]
        for line in lines
        if line.strip()
    ]


def _read_boxes(path: Path) -> dict[str, list[Box]]:
    """Boxes by the number of their coreference chain; an object may belong to several chains."""
    boxes: dict[str, list[Box]] = {}
    try:
        for node in read_plain_xml(path).iter("object"):
            corners = node.find("bndbox")
            if corners is None:
                continue  # it is the whole scene, or not visible
            x1, y1, x2, y2 = (
                float(corners.findtext(side, "")) for side in ("xmin", "ymin", "xmax", "ymax")
            )
            for name in node.findall("name"):
                boxes.setdefault(str(name.text), []).append((x1, y1, x2, y2))
    except (OSError, ParseError, ValueError) as error:
        raise UserError(f"cannot read the boxes of Flickr30k Entities: {path}: {error}") from error
    return boxes
