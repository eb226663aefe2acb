"""MDETR's JSON: Flickr30k, Visual Genome (mixed), RefCOCO/+/g, PhraseCut: words with boxes."""

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
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

    Boxes with the same spans belong to one phrase; a `score` says how sure a teacher was.
    `tokens_negative` is not read (the released models did not), `categories` may be empty, and a
    box without words is left out: it cannot be asked for.
    """

    def read(self, problems: Problems) -> Contents:
        """One record per caption; there are no categories."""
        return Contents(self._records(problems))

    def _records(self, problems: Problems) -> Iterator[Record]:
        path = Path(self.annotations)
        images = read_images(path, problems)
        owners, boxes, scores, words = array("q"), array("d"), array("f"), []
        known: dict[Phrase, Phrase] = {}  # equal spans stand behind many boxes; keep them once
        for row, owner, box, entry in read_annotations(path, images, problems):
            phrase = read_phrase(path, entry, row, problems)
            score = read_score(path, entry, row, problems)
            if phrase and score is not None:
                owners.append(owner)
                scores.append(score)
                boxes.extend(box)
                words.append(known.setdefault(phrase, phrase))
        order, offsets = grouped(np.asarray(owners, dtype=np.int64), len(images.ids))
        corners = corners_of(np.asarray(boxes).reshape(-1, 4))
        sure = np.asarray(scores, dtype=np.float32)
        for row, image_id in enumerate(images.ids):
            mine = order[offsets[row] : offsets[row + 1]]
            yield captioned(
                images.names[row],
                images.sizes[row],
                image_id,
                corners[mine],
                images.captions[row],
                [words[number] for number in mine],
                sure[mine],
            )


def read_phrase(path: Path, entry: Mapping[str, Any], row: int, problems: Problems) -> Phrase:
    """The spans of an annotation; none if it has none, or if what it has is a problem."""
    try:
        return tuple((int(start), int(end)) for start, end in entry.get("tokens_positive", ()))
    except (TypeError, ValueError, OverflowError):
        message = f"{named(path, entry, row)} has `tokens_positive` "
        problems.error("spans that make no sense", message + repr(entry.get("tokens_positive")))
        return ()


def read_score(path: Path, entry: Mapping[str, Any], row: int, problems: Problems) -> float | None:
    """The score of an annotation, 1 if it has none; None if what it has is a problem."""
    try:
        return float(entry.get("score", 1.0))
    except (TypeError, ValueError, OverflowError):
        message = f"{named(path, entry, row)} has the `score` {entry.get('score')!r:.80}"
        problems.error("score that is no number", message)
        return None


def write_mdetr(path: Path, lines: Callable[[], Iterator[Mapping[str, Any]]]) -> None:
    """Write grounding lines of ODVG's form, which are read twice, as one MDETR file."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"info": [], "licenses": [], "categories": [], "images": [')
        file.writelines(_joined(_image(number, line) for number, line in enumerate(lines())))
        file.write('], "annotations": [')
        boxes = (box for number, line in enumerate(lines()) for box in _boxes(number, line))
        file.writelines(_joined({"id": one, **box} for one, box in enumerate(boxes)))
        file.write("]}")


def _joined(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for number, entry in enumerate(entries):
        yield (",\n" if number else "\n") + json.dumps(entry)


def _image(number: int, line: Mapping[str, Any]) -> dict[str, Any]:
    caption = line["grounding"]["caption"]
    return {
        "id": number,
        "file_name": line["filename"],
        "height": line["height"],
        "width": line["width"],
        "caption": caption,
        "tokens_negative": [[0, len(caption)]],
        "dataset_name": "pseudo",
    }


def _boxes(number: int, line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for region in line["grounding"]["regions"]:
        for (x1, y1, x2, y2), score in zip(region["bbox"], region["score"], strict=True):
            yield {
                "image_id": number,
                "category_id": 1,
                "bbox": [x1, y1, round(x2 - x1, 4), round(y2 - y1, 4)],
                "area": round((x2 - x1) * (y2 - y1), 4),
                "iscrowd": 0,
                "tokens_positive": region["tokens_positive"],
                "score": score,
            }
