"""MDETR's JSON: Flickr30k, Visual Genome (mixed), RefCOCO/+/g, PhraseCut: phrases with boxes."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.data.formats.coco_tables import (
    Annotation,
    annotation_name,
    corners_of,
    group_by_image,
    read_annotations,
    read_images,
)
from glip_pl.data.image_folder import BesideFolder
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record, captioned
from glip_pl.spans import Phrase


@dataclass(frozen=True)
class MdetrJson(BesideFolder):
    """Grounding data with an entry of `images` for each picture and caption.

    Boxes with the same spans belong to one phrase; a `score` is the confidence of a teacher.
    `tokens_negative` is not read (the released models did not use it), and `categories` may be
    empty. A box without spans is left out, because it belongs to no phrase.
    """

    def read(self, problems: Problems) -> Contents:
        """One record per caption; there are no categories."""
        return Contents(self._records(problems))

    def _records(self, problems: Problems) -> Iterator[Record]:
        path = Path(self.annotations)
        images = read_images(path, problems)
        image_rows, boxes, score_list = array("q"), array("d"), array("f")
        box_phrases: list[Phrase] = []
        known: dict[Phrase, Phrase] = {}  # many boxes have equal spans: each is stored once
        for annotation in read_annotations(path, images, problems):
            phrase = read_phrase(path, annotation, problems)
            score = read_score(path, annotation, problems)
            if phrase and score is not None:
                image_rows.append(annotation.image_row)
                score_list.append(score)
                boxes.extend(annotation.box)
                box_phrases.append(known.setdefault(phrase, phrase))
        order, offsets = group_by_image(np.asarray(image_rows, dtype=np.int64), len(images.ids))
        corners = corners_of(np.asarray(boxes).reshape(-1, 4))
        scores = np.asarray(score_list, dtype=np.float32)
        for row, image_id in enumerate(images.ids):
            of_image = order[offsets[row] : offsets[row + 1]]
            yield captioned(
                images.names[row],
                images.sizes[row],
                image_id,
                corners[of_image],
                images.captions[row],
                [box_phrases[number] for number in of_image],
                scores[of_image],
            )


def read_phrase(path: Path, annotation: Annotation, problems: Problems) -> Phrase:
    """The spans of an annotation; empty if it has none, or if they are malformed (reported)."""
    spans = annotation.entry.get("tokens_positive", ())
    try:
        return tuple((int(start), int(end)) for start, end in spans)
    except (TypeError, ValueError, OverflowError):
        name = annotation_name(path, annotation.entry, annotation.number)
        problems.error("malformed spans", f"{name} has the `tokens_positive` {spans!r:.200}")
        return ()


def read_score(path: Path, annotation: Annotation, problems: Problems) -> float | None:
    """The score of an annotation, 1 if it has none; None if it is not a number (reported)."""
    score: Any = annotation.entry.get("score", 1.0)
    try:
        return float(score)
    except (TypeError, ValueError, OverflowError):
        name = annotation_name(path, annotation.entry, annotation.number)
        problems.error(
            "malformed score", f"{name} has the `score` {score!r:.80}, which is not a number"
        )
        return None
