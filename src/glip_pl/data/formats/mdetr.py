"""MDETR's JSON: Flickr30k, Visual Genome (mixed), RefCOCO/+/g, PhraseCut: words with boxes."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.data.formats.coco_tables import (
    corners_of,
    grouped,
    named,
    read_annotations,
    read_images,
)
from glip_pl.data.images import BesideFolder
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record, captioned
from glip_pl.types import Phrase


@dataclass(frozen=True)
class MdetrJson(BesideFolder):
    """Grounding data, one entry of `images` per picture and caption.

    Boxes with the same spans belong to one phrase. `tokens_negative` is not read (the released
    models did not), `categories` may be empty, and a box without words is left out: it cannot be
    asked for.
    """

    def read(self, problems: Problems) -> Contents:
        """One record per caption; there are no categories."""
        return Contents(self._records(problems))

    def _records(self, problems: Problems) -> Iterator[Record]:
        path = Path(self.annotations)
        images = read_images(path, problems)
        owners, boxes, words = array("q"), array("d"), []
        known: dict[Phrase, Phrase] = {}  # equal spans stand behind many boxes; keep them once
        for row, owner, box, entry in read_annotations(path, images, problems):
            phrase = read_phrase(path, entry, row, problems)
            if phrase:
                owners.append(owner)
                boxes.extend(box)
                words.append(known.setdefault(phrase, phrase))
        order, offsets = grouped(np.asarray(owners, dtype=np.int64), len(images.ids))
        corners = corners_of(np.asarray(boxes).reshape(-1, 4))
        for row, image_id in enumerate(images.ids):
            mine = order[offsets[row] : offsets[row + 1]]
            yield captioned(
                images.names[row],
                images.sizes[row],
                image_id,
                corners[mine],
                images.captions[row],
                [words[number] for number in mine],
            )


def read_phrase(path: Path, entry: Mapping[str, Any], row: int, problems: Problems) -> Phrase:
    """The spans of an annotation; none if it has none, or if what it has is a problem."""
    try:
        return tuple((int(start), int(end)) for start, end in entry.get("tokens_positive", ()))
    except (TypeError, ValueError, OverflowError):
        message = f"{named(path, entry, row)} has `tokens_positive` "
        problems.error("spans that make no sense", message + repr(entry.get("tokens_positive")))
        return ()
