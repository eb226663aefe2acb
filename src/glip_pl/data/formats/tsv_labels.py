"""Turns parsed labels of the official TSV format into records."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.records import Record, box_array, captioned


def record_of(
    label: Any, name: str, image_id: int, size: tuple[int, int] | None, labels: Mapping[str, int]
) -> Record:
    """The record of a label: a caption, or a list of objects whose categories are in `labels`.

    `size` (height, width) is taken from the label if it is None. Raises KeyError, TypeError or
    ValueError if the label is malformed.
    """
    first = label[0] if isinstance(label, list) and label else label
    if isinstance(first, dict) and ("caption" in first or "captions" in first):
        return _caption_record(first, name, image_id, size)
    objects = label["objects"] if isinstance(label, dict) else label
    if size is None and isinstance(label, dict) and "img_h" in label:
        size = int(label["img_h"]), int(label["img_w"])
    if size is None:
        raise ValueError("there is no hw file, and the label has no img_h and img_w")
    return Record(
        image=name,
        size=size,
        image_id=image_id,
        boxes=_corners_of([entry["rect"] for entry in objects]),
        targets=np.asarray([labels[entry["class"]] for entry in objects], dtype=np.int64),
        scores=np.asarray([entry.get("conf", 1.0) for entry in objects], dtype=np.float32),
    )


def _caption_record(
    label: Mapping[str, Any], name: str, image_id: int, size: tuple[int, int] | None
) -> Record:
    """The record of a caption, its boxes in either version of the format, or none.

    In version 1 every list has an entry per box, in version 2 an entry per phrase.
    """
    caption = label["caption"] if "caption" in label else " ".join(label["captions"])
    boxes, scores = label.get("bboxes", []), label.get("scores")
    spans = label.get("tokens_positive", [])
    if any(not entry or isinstance(entry[0], list) for entry in boxes):  # version 2
        spans = [of_phrase for of_phrase, rects in zip(spans, boxes, strict=True) for _ in rects]
        scores = None if scores is None else [score for values in scores for score in values]
        boxes = [rect for rects in boxes for rect in rects]
    if not len(boxes) == len(spans) == len(boxes if scores is None else scores):
        raise ValueError("bboxes, scores and tokens_positive have different lengths")
    return captioned(
        image=name,
        size=size or (int(label["img_h"]), int(label["img_w"])),
        image_id=image_id,
        boxes=_corners_of(boxes),
        caption=str(caption),
        of_box=[tuple((int(start), int(end)) for start, end in of_box) for of_box in spans],
        scores=None if scores is None else np.asarray(scores, dtype=np.float32),
    )


def _corners_of(rects: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Corners (N, 4) whose second pixel lies outside; in a `rect` it is the last one inside."""
    corners = box_array(rects)
    corners[:, 2:] += 1
    return corners


def size_of(text: bytes) -> tuple[int, int]:
    """Height and width: {"height", "width"}, the same in a list, or "height width".

    Raises KeyError, TypeError or ValueError if the text has another form.
    """
    if text[:1] in (b"{", b"["):
        content = json.loads(text)
        content = content[0] if isinstance(content, list) else content
        return int(content["height"]), int(content["width"])
    height, width = text.split()
    return int(height), int(width)
