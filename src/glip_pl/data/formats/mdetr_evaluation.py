"""MDETR's JSON for evaluation: captions, the phrases that are evaluated, and their boxes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.arrays import offsets_of
from glip_pl.data.formats.coco_tables import ImageEntries, read_annotations, read_images
from glip_pl.data.formats.entities import read_entities
from glip_pl.data.formats.json_stream import read_entries
from glip_pl.data.formats.mdetr import MdetrJson, read_phrase
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.data.truth import PhraseTruth
from glip_pl.errors import UserError
from glip_pl.spans import Phrase

Corners = Sequence[float]
"""x1, y1, x2, y2 as in the file, pixels."""


@dataclass(frozen=True)
class CaptionPhrases:
    """The evaluated phrases of one caption, with the ground-truth boxes of each."""

    phrases: Sequence[Phrase]
    boxes: Sequence[Sequence[Corners]]  # of each phrase
    kinds: Sequence[Sequence[str]] | None = None  # of each phrase, such as people


class _EvaluationJson(MdetrJson, ABC):
    """What both readers share: they differ in which phrases of a caption are evaluated."""

    def read(self, problems: Problems) -> Contents:
        """One record per caption; a box of several phrases occurs once for each."""
        return Contents(_records(*self._captions(problems)))

    def truth(self) -> PhraseTruth:
        """The ground-truth boxes of every phrase. Raises UserError if the file is malformed."""
        return _truth(*self._captions(Problems(tolerate=1.0)))

    @abstractmethod
    def _captions(self, problems: Problems) -> tuple[ImageEntries, list[CaptionPhrases]]:
        """Captions in the order of the file, and the evaluated phrases of each."""


@dataclass(frozen=True)
class FlickrJson(_EvaluationJson):
    """Flickr30k in MDETR's `final_flickr_*` files; evaluated are the phrases of
    `tokens_positive_eval`.

    With `entities`, the folder of the original annotations, the ground truth has the boxes and
    kinds of phrases found there, as in the official evaluation. The boxes of the JSON differ:
    boxes of a sentence with an overlap of 0.95 or more were merged when it was made.
    """

    entities: str | Path | None = None

    def truth(self) -> PhraseTruth:
        """The ground-truth boxes of every phrase. Raises UserError if a file is malformed."""
        images, captions = self._captions(Problems(tolerate=1.0))
        if self.entities is not None:
            captions = self._with_entities(images, captions, Path(self.entities))
        return _truth(images, captions)

    def _captions(self, problems: Problems) -> tuple[ImageEntries, list[CaptionPhrases]]:
        path = Path(self.annotations)
        images = read_images(path, problems)
        phrases = _read_field(path, images, "tokens_positive_eval", _phrases)
        boxes: list[list[list[Corners]]] = [[[] for _ in of_caption] for of_caption in phrases]
        for annotation in read_annotations(path, images, problems):
            spans = read_phrase(path, annotation, problems)
            row = annotation.image_row
            for index, phrase in enumerate(phrases[row]):
                if set(phrase) <= set(spans):
                    boxes[row][index].append(_corners(annotation.box))
        return images, [CaptionPhrases(*pair) for pair in zip(phrases, boxes, strict=True)]

    def _with_entities(
        self, images: ImageEntries, captions: Sequence[CaptionPhrases], root: Path
    ) -> list[CaptionPhrases]:
        """The same phrases with the boxes and kinds of Flickr30k Entities."""
        path = Path(self.annotations)
        image_ids = _read_field(path, images, "original_img_id", str)
        sentence_ids = _read_field(path, images, "sentence_id", int)
        replaced = []
        for row, (image, sentence) in enumerate(zip(image_ids, sentence_ids, strict=True)):
            sentences = read_entities(root, image)
            entities = sentences[sentence] if sentence < len(sentences) else []
            phrases = captions[row].phrases
            if len(entities) != len(phrases):
                raise UserError(
                    f"{path}: the caption {images.ids[row]} has {len(phrases)} evaluated phrases, "
                    f"and sentence {sentence} of picture {image} in {self.entities} has "
                    f"{len(entities)} with boxes: are they of the same release?"
                )
            boxes = [entity.boxes for entity in entities]
            kinds = [entity.kinds for entity in entities]
            replaced.append(CaptionPhrases(phrases, boxes, kinds))
        return replaced


@dataclass(frozen=True)
class ReferringJson(_EvaluationJson):
    """RefCOCO, RefCOCO+ and RefCOCOg in MDETR's `finetune_refcoco*` files.

    Each caption refers to one object. The evaluated phrase is the whole sentence, or the words
    that the file marks as its root. Annotations may have a `kind`, for which there are figures too.
    """

    words: Literal["sentence", "root"] = "sentence"

    def _captions(self, problems: Problems) -> tuple[ImageEntries, list[CaptionPhrases]]:
        return referring_captions(Path(self.annotations), self.words, problems)


def referring_captions(
    path: Path, words: Literal["sentence", "root"], problems: Problems
) -> tuple[ImageEntries, list[CaptionPhrases]]:
    """The captions of RefCOCO's files with one phrase each: the whole of it, or its root."""
    images = read_images(path, problems)
    captions = [CaptionPhrases([((0, len(text)),)], [[]], [()]) for text in images.captions]
    for annotation in read_annotations(path, images, problems):
        caption = captions[annotation.image_row]
        phrases = caption.phrases
        if words == "root":
            root = read_phrase(path, annotation, problems)
            phrases = [root] if root else phrases
        boxes = [[*caption.boxes[0], _corners(annotation.box)]]
        kinds = [str(annotation.entry["kind"])] if "kind" in annotation.entry else []
        captions[annotation.image_row] = CaptionPhrases(phrases, boxes, [kinds])
    return images, captions


def _phrases(value: Any) -> list[Phrase]:
    """Phrases from JSON. Raises TypeError or ValueError if these are not lists of spans."""
    return [tuple((int(start), int(end)) for start, end in phrase) for phrase in value]


def _corners(box: Sequence[float]) -> Corners:
    x, y, width, height = box
    return x, y, x + width, y + height


def _read_field(
    path: Path, images: ImageEntries, key: str, kind: Callable[[Any], Any]
) -> list[Any]:
    """The value of `key` of every caption, converted by `kind`.

    Raises UserError naming a caption that has none, or one that cannot be converted.
    """
    values: dict[int, Any] = {}
    for entry in read_entries(path, "images"):
        row = images.row(entry.get("id"))  # None if it was left out when images were read
        if row is None:
            continue
        try:
            values[row] = kind(entry[key])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(
                f"{path}: the caption {images.ids[row]} has no readable `{key}`, by which its "
                "phrases are evaluated: use one of MDETR's final_flickr_* files"
            ) from error
    return [values[row] for row in range(len(images.ids))]


def _records(images: ImageEntries, captions: Sequence[CaptionPhrases]) -> Iterator[Record]:
    for row, image_id in enumerate(images.ids):
        boxes = captions[row].boxes
        targets = [index for index, of_phrase in enumerate(boxes) for _ in of_phrase]
        yield Record(
            image=images.names[row],
            size=images.sizes[row],
            image_id=image_id,
            boxes=_box_rows(boxes),
            targets=np.asarray(targets, dtype=np.int64),
            caption=images.captions[row],
            phrases=tuple(captions[row].phrases),
        )


def _truth(images: ImageEntries, captions: Sequence[CaptionPhrases]) -> PhraseTruth:
    ids = np.asarray(images.ids, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    ordered = [captions[row] for row in order]
    boxes = [of_phrase for caption in ordered for of_phrase in caption.boxes]
    kinds = [of_phrase for caption in ordered for of_phrase in caption.kinds or ()]
    return PhraseTruth(
        image_ids=ids[order],
        phrases=offsets_of(np.asarray([len(caption.phrases) for caption in ordered])),
        boxes=_box_rows(boxes),
        box_offsets=offsets_of(np.asarray([len(of_phrase) for of_phrase in boxes])),
        kinds=kinds if ordered and ordered[0].kinds is not None else None,
    )


def _box_rows(boxes: Sequence[Sequence[Corners]]) -> NDArray[np.float64]:
    """The boxes (N, 4) of all phrases, concatenated."""
    rows = [box for of_phrase in boxes for box in of_phrase]
    return np.asarray(rows, dtype=np.float64).reshape(-1, 4)
