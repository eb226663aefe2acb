"""Turns parsed ODVG lines into records. Web shards hold the same objects in a sample's JSON."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.records import Record, box_array, captioned
from glip_pl.spans import Phrase, Span


def records_of(
    line: Mapping[str, Any],
    image_id: int,
    category_count: int | None,
    block: int = 0,
) -> list[Record]:
    """The records of a line: of its boxes of categories, of its caption with boxes, or of both.

    `category_count` is None if labels are not known yet. Raises AttributeError, KeyError, TypeError
    or ValueError if the line is malformed.
    """
    name = str(line["filename"])
    size = int(line["height"]), int(line["width"])
    records = []
    if line.get("detection") is not None:
        instances = line["detection"]["instances"]
        records.append(_detection_record(instances, name, size, image_id, block))
        labels = sorted(set(records[0].targets.tolist()))
        too_large = labels and category_count is not None and labels[-1] >= category_count
        if too_large or (labels and labels[0] < 0):
            raise ValueError(f"labels {labels} with {category_count} categories")
    if line.get("grounding") is not None:
        records.append(_grounding_record(line["grounding"], name, size, image_id, block))
    if not records:
        raise KeyError("detection or grounding")
    # Of a line with both parts, one may be empty: then it says nothing.
    return [record for record in records if len(record.boxes)] or records[-1:]


def _detection_record(
    instances: Sequence[Mapping[str, Any]],
    name: str,
    size: tuple[int, int],
    image_id: int,
    block: int,
) -> Record:
    return Record(
        image=name,
        size=size,
        image_id=image_id,
        boxes=box_array([instance["bbox"] for instance in instances]),
        targets=np.asarray([int(instance["label"]) for instance in instances], dtype=np.int64),
        scores=_score_array([instance.get("score", 1.0) for instance in instances]),
        block=block,
    )


def _score_array(values: Sequence[Any]) -> NDArray[np.float32]:
    scores = np.asarray(values, dtype=np.float32)
    if scores.ndim != 1:
        raise ValueError("a score is a list")
    return scores


def _grounding_record(
    grounding: Mapping[str, Any], name: str, size: tuple[int, int], image_id: int, block: int
) -> Record:
    """The record of a caption. A region may have several boxes, phrases and spans."""
    regions = grounding["regions"]
    caption, region_phrases = _caption_and_phrases(str(grounding["caption"]), regions)
    boxes: list[Any] = []
    scores: list[Any] = []
    box_phrases: list[Phrase] = []
    for region, phrase in zip(regions, region_phrases, strict=True):
        if not phrase:
            continue  # a box without spans belongs to no phrase
        region_boxes = region["bbox"]
        if not region_boxes or not isinstance(region_boxes[0], list | tuple):
            region_boxes = [region_boxes]
        score = region.get("score", 1.0)
        boxes += region_boxes
        box_phrases += [phrase] * len(region_boxes)
        scores += score if isinstance(score, list) else [score] * len(region_boxes)
    if len(scores) != len(boxes):
        raise ValueError(f"{len(scores)} scores for {len(boxes)} boxes")
    return captioned(
        image=name,
        size=size,
        image_id=image_id,
        boxes=box_array(boxes),
        caption=caption,
        of_box=box_phrases,
        scores=_score_array(scores),
        block=block,
    )


def _caption_and_phrases(
    caption: str, regions: Sequence[Mapping[str, Any]]
) -> tuple[str, list[Phrase]]:
    """The caption, and the spans of each region in it.

    Files of Open-GroundingDino have no spans: their phrases are looked up in the caption. If one
    of them does not occur in it, the phrases themselves become the caption, as in that program.
    """
    region_spans = [_spans(region, caption) for region in regions]
    phrases = [spans for spans in region_spans if spans is not None]
    if len(phrases) == len(region_spans):
        return caption, phrases
    texts = list(dict.fromkeys(text for region in regions for text in _texts(region)))
    span_of: dict[str, Span] = {}
    start = 0
    for text in texts:
        span_of[text] = (start, start + len(text))
        start += len(text) + len(" . ")
    phrases = [tuple(span_of[text] for text in _texts(region)) for region in regions]
    return " . ".join(texts) + " .", phrases


def _texts(region: Mapping[str, Any]) -> list[str]:
    """The phrases of a region, of which it may have a list."""
    phrase = region["phrase"]
    return [str(text) for text in phrase] if isinstance(phrase, list) else [str(phrase)]


def _spans(region: Mapping[str, Any], caption: str) -> Phrase | None:
    """The region's own spans, or where its phrases first occur in the caption, or None."""
    if "tokens_positive" in region:
        return tuple((int(start), int(end)) for start, end in region["tokens_positive"])
    # Whole words only: "man" does not occur in "woman".
    matches = [
        re.search(rf"(?<!\w){re.escape(text)}(?!\w)", caption, re.IGNORECASE)
        for text in _texts(region)
    ]
    spans = tuple(match.span() for match in matches if match)
    return spans if len(spans) == len(matches) else None
