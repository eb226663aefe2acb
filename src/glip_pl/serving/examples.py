"""Examples of a request: boxes in pictures that come with it stand in for names."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from glip_pl.errors import shown
from glip_pl.serving.limits import Limits
from glip_pl.serving.refusals import too_large, wrong

BOXES = "[x1, y1, x2, y2], a list of these, or these by name; for several pictures a list of it"
"""What the field `boxes` takes."""


@dataclass(frozen=True)
class ByExample:
    """What to find: what boxes in pictures show, beside words if there are any."""

    pictures: tuple[bytes, ...]  # encoded
    boxes: str  # in JSON: a list with the boxes of each picture
    words: str | tuple[str, ...] | None

    def digest(self) -> bytes:
        """Equal for equal questions; takes no memory, unlike the pictures."""
        pictures = [hashlib.sha256(picture).hexdigest() for picture in self.pictures]
        return hashlib.sha256(json.dumps([pictures, self.boxes, self.words]).encode()).digest()


def by_example(
    like: bytes | Sequence[bytes], boxes: Any, words: str | tuple[str, ...] | None, limits: Limits
) -> ByExample:
    """The question of the fields `like` and `boxes`, and of text or names beside them.

    Raises HTTPException if they exceed a limit. Whether the boxes lie in their pictures is found
    where these are decoded.
    """
    if not isinstance(boxes, list | dict):
        raise wrong(f"boxes: {shown(boxes)} is no box: give {BOXES}")
    pictures, each = ([like], [boxes]) if isinstance(like, bytes) else (like, boxes)
    if not pictures:
        raise wrong("like: the list is empty")
    if len(pictures) > limits.example_pictures:
        raise too_large("like", f"{len(pictures)} pictures", limits.example_pictures)
    if isinstance(each, dict):
        raise wrong("boxes: like is a list of pictures: give a list with the boxes of each")
    count = sum(map(_count, each))
    if count > limits.example_boxes:
        raise too_large("boxes", f"{count} boxes", limits.example_boxes)
    _check_names(set(_names(each)), words, limits)
    return ByExample(tuple(pictures), json.dumps(each), words)


def _count(boxes: Any) -> int:
    """How many boxes there are, right or wrong: four numbers, or whatever stands in their place."""
    members = list(boxes.values()) if isinstance(boxes, dict) else boxes
    if not isinstance(members, list):
        return 1
    if any(isinstance(one, list | dict) for one in members):
        return sum(map(_count, members))
    return max(1, math.ceil(len(members) / 4))


def _names(each: Sequence[Any]) -> Iterator[str]:
    """The names of boxes in all pictures."""
    for boxes in each:
        if isinstance(boxes, dict):
            yield from boxes


def _check_names(names: set[str], words: str | tuple[str, ...] | None, limits: Limits) -> None:
    """Raise HTTPException if names of boxes, with the other names, exceed a limit."""
    count = len(names.union(words if isinstance(words, tuple) else ()))
    if count > limits.names:
        raise too_large("names and boxes", f"{count} names", limits.names)
    for name in names:
        if len(name) > limits.name_characters:
            culprit = f"boxes: the name {shown(name, 20)!r}..."
            raise too_large(culprit, f"{len(name)} characters", limits.name_characters)
