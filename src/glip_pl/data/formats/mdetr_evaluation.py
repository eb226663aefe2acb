"""MDETR's JSON for evaluation: captions, and which of their phrases are asked for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from glip_pl.data.arrays import offsets_of
from glip_pl.data.formats.coco_tables import ImageEntries, read_annotations, read_images
from glip_pl.data.formats.entities import read_entities
from glip_pl.data.formats.json_stream import items
from glip_pl.data.formats.mdetr import MdetrJson, read_phrase
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.data.truth import PhraseTruth
from glip_pl.errors import UserError
from glip_pl.types import Phrase

Corners = Sequence[float]
"""x1, y1, x2, y2 as in the file, pixels."""


@dataclass(frozen=True)
class Asked:
    """One caption: its phrases, and the boxes of each."""

    phrases: Sequence[Phrase]
    boxes: Sequence[Sequence[Corners]]
    kinds: Sequence[Sequence[str]] | None = None


class _Questions(MdetrJson, ABC):
    """What both readers do with their captions."""

    def read(self, problems: Problems) -> Contents:
        """One record per caption; a box of several phrases comes once for each."""
        return Contents(_records(*self._captions(problems)))

    def truth(self) -> PhraseTruth:
        """The boxes of every phrase. Raises UserError."""
        return _truth(*self._captions(Problems(tolerate=1.0)))

    @abstractmethod
    def _captions(self, problems: Problems) -> tuple[ImageEntries, list[Asked]]:
        """Captions in the order of the file, and what is asked for in each."""


@dataclass(frozen=True)
class FlickrJson(_Questions):
    """Flickr30k as MDETR's `final_flickr_*` files have it: `tokens_positive_eval` is asked for.

    With `entities`, the folder of the original annotations, boxes and kinds of phrases are those,
    as in the official evaluation. The JSON alone differs where boxes of a sentence that overlap by
    0.95 were merged in making it.
    """

    entities: str | Path | None = None

    def truth(self) -> PhraseTruth:
        """The boxes of every phrase. Raises UserError."""
        images, asked = self._captions(Problems(tolerate=1.0))
        return _truth(images, asked if self.entities is None else self._entities(images, asked))

    def _captions(self, problems: Problems) -> tuple[ImageEntries, list[Asked]]:
        path = Path(self.annotations)
        images = read_images(path, problems)
        phrases = _field(path, images, "tokens_positive_eval", _phrases)
        boxes: list[list[list[Corners]]] = [[[] for _ in one] for one in phrases]
        for number, owner, box, entry in read_annotations(path, images, problems):
            spans = read_phrase(path, entry, number, problems)
            for place, phrase in enumerate(phrases[owner]):
                if set(phrase) <= set(spans):
                    boxes[owner][place].append(_corners(box))
        return images, [Asked(*one) for one in zip(phrases, boxes, strict=True)]

    def _entities(self, images: ImageEntries, asked: Sequence[Asked]) -> list[Asked]:
        path = Path(self.annotations)
        pictures = _field(path, images, "original_img_id", str)
        sentences = _field(path, images, "sentence_id", int)
        found = []
        for row, (picture, sentence) in enumerate(zip(pictures, sentences, strict=True)):
            lines = read_entities(Path(str(self.entities)), picture)
            entities = lines[sentence] if sentence < len(lines) else []
            if len(entities) != len(asked[row].phrases):
                raise UserError(
                    f"{path}: the caption {images.ids[row]} asks for {len(asked[row].phrases)} "
                    f"phrases, and sentence {sentence} of picture {picture} in {self.entities} has "
                    f"{len(entities)} with boxes: are they of the same release?"
                )
            boxes, kinds = [one.boxes for one in entities], [one.kinds for one in entities]
            found.append(Asked(asked[row].phrases, boxes, kinds))
        return found


@dataclass(frozen=True)
class ReferringJson(_Questions):
    """RefCOCO, RefCOCO+ and RefCOCOg as MDETR's `finetune_refcoco*` files have them.

    Each caption means one thing. Asked for is the whole sentence as one phrase, or the words that
    the file marks as its root.
    """

    words: Literal["sentence", "root"] = "sentence"

    def _captions(self, problems: Problems) -> tuple[ImageEntries, list[Asked]]:
        path = Path(self.annotations)
        images = read_images(path, problems)
        asked = [Asked([((0, len(caption)),)], [[]]) for caption in images.captions]
        for number, owner, box, entry in read_annotations(path, images, problems):
            phrases = asked[owner].phrases
            if self.words == "root":
                root = read_phrase(path, entry, number, problems)
                phrases = [root] if root else phrases
            asked[owner] = Asked(phrases, [[*asked[owner].boxes[0], _corners(box)]])
        return images, asked


def _phrases(value: Any) -> list[Phrase]:
    """Raises TypeError or ValueError if these are no lists of spans."""
    return [tuple((int(start), int(end)) for start, end in phrase) for phrase in value]


def _corners(box: Sequence[float]) -> Corners:
    x, y, width, height = box
    return x, y, x + width, y + height


def _field(path: Path, images: ImageEntries, key: str, kind: Callable[[Any], Any]) -> list[Any]:
    """What every caption has under a key. Raises UserError naming one that has not."""
    found: dict[int, Any] = {}
    for entry in items(path, "images"):
        row = _row(entry, images)
        if row is None:
            continue
        try:
            found[row] = kind(entry[key])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(
                f"{path}: the caption {images.ids[row]} has no readable `{key}`, which says what "
                "is asked for: evaluation needs MDETR's final_flickr_* files"
            ) from error
    return [found[row] for row in range(len(images.ids))]


def _row(entry: Mapping[str, Any], images: ImageEntries) -> int | None:
    try:
        return images.row_of.get(int(entry["id"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None  # left out when the images were read


def _records(images: ImageEntries, asked: Sequence[Asked]) -> Iterator[Record]:
    for row, image_id in enumerate(images.ids):
        flat = [(box, phrase) for phrase, boxes in enumerate(asked[row].boxes) for box in boxes]
        yield Record(
            image=images.names[row],
            size=images.sizes[row],
            image_id=image_id,
            boxes=np.asarray([box for box, _ in flat], dtype=np.float64).reshape(-1, 4),
            targets=np.asarray([phrase for _, phrase in flat], dtype=np.int64),
            caption=images.captions[row],
            phrases=tuple(asked[row].phrases),
        )


def _truth(images: ImageEntries, asked: Sequence[Asked]) -> PhraseTruth:
    order = np.argsort(np.asarray(images.ids, dtype=np.int64), kind="stable")
    captions = [asked[row] for row in order]
    phrases = [boxes for caption in captions for boxes in caption.boxes]
    kinds = [kind for caption in captions for kind in caption.kinds or ()]
    return PhraseTruth(
        image_ids=np.asarray(images.ids, dtype=np.int64)[order],
        phrases=offsets_of(np.asarray([len(caption.phrases) for caption in captions])),
        boxes=np.asarray([box for boxes in phrases for box in boxes], dtype=np.float64).reshape(
            -1, 4
        ),
        box_offsets=offsets_of(np.asarray([len(boxes) for boxes in phrases])),
        kinds=kinds if captions and captions[0].kinds is not None else None,
    )
