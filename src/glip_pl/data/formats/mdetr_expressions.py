"""MDETR's JSON of referring expressions, to train on: those of a picture in one prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from glip_pl.data.formats.coco_tables import ImageEntries
from glip_pl.data.formats.mdetr_evaluation import CaptionPhrases, Corners, referring_captions
from glip_pl.data.image_folder import BesideFolder
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record, box_array, captioned
from glip_pl.spans import Span


@dataclass(frozen=True)
class ExpressionsJson(BesideFolder):
    """RefCOCO, RefCOCO+ and RefCOCOg in MDETR's files; all expressions of a picture are one prompt.

    Each expression is a negative for the boxes of the others. What belongs to a box is the whole
    expression (`sentence`), or the words that the file marks as its `root`. Expressions of one box
    are one phrase.
    """

    words: Literal["sentence", "root"] = "sentence"

    def read(self, problems: Problems) -> Contents:
        """One record per picture; there are no categories."""
        images, captions = referring_captions(Path(self.annotations), self.words, problems)
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(images.names):
            rows.setdefault(name, []).append(row)
        return Contents(_joined(images, captions, of_picture) for of_picture in rows.values())


def _joined(
    images: ImageEntries, captions: Sequence[CaptionPhrases], rows: Sequence[int]
) -> Record:
    """The record of a picture whose captions are these rows."""
    text = ""
    spans: dict[Corners, list[Span]] = {}  # of each box
    for row in rows:
        (phrase,), (boxes,) = captions[row].phrases, captions[row].boxes
        for box in boxes:
            moved = [(start + len(text), end + len(text)) for start, end in phrase]
            spans.setdefault(tuple(box), []).extend(moved)
        text += images.captions[row].rstrip(" .") + ". "
    first = rows[0]
    return captioned(
        images.names[first],
        images.sizes[first],
        images.ids[first],
        box_array(list(spans)),
        text.rstrip(),
        [tuple(of_box) for of_box in spans.values()],
    )
