import json
from typing import Any

import pytest
from fastapi import HTTPException

from glip_pl.serving.examples import ByExample, by_example
from glip_pl.serving.limits import Limits

LIMITS = Limits(1, 1, 3, 10, 20, 50, 2, 5, 4, 5.0)
BOX = [4, 4, 20, 24]


def question(like: bytes | list[bytes], boxes: Any, words: Any = None) -> ByExample:
    """What these fields ask for."""
    return by_example(like, boxes, words, LIMITS)


def test_one_picture_needs_no_list() -> None:
    assert question(b"a", BOX, ("dent",)) == ByExample((b"a",), json.dumps([BOX]), ("dent",))
    assert question(b"a", {"scratch": [BOX]}).boxes == json.dumps([{"scratch": [BOX]}])
    assert question([b"a"], [BOX]) == question(b"a", BOX)
    assert question([b"a", b"b"], [BOX, [BOX]]).pictures == (b"a", b"b")


def test_equal_questions_have_equal_digests() -> None:
    asked = question(b"a", BOX, "a dent")
    assert asked.digest() == question([b"a"], [BOX], "a dent").digest()
    others = [
        question(b"b", BOX, "a dent"),
        question(b"a", [4, 4, 20, 25], "a dent"),
        question(b"a", BOX, ("a dent",)),
        question(b"a", BOX),
        question([b"a", b""], [BOX], "a dent"),
    ]
    assert len({asked.digest(), *(other.digest() for other in others)}) == 6


@pytest.mark.parametrize("boxes", [[BOX] * 5, {"a": [BOX] * 3, "b": [BOX] * 2}, {"a": BOX}])
def test_as_many_boxes_as_the_limit_are_taken(boxes: Any) -> None:
    assert json.loads(question(b"a", boxes).boxes) == [boxes]


WRONG: dict[str, tuple[Any, ...]] = {
    "no box": (b"a", 5, 422, "boxes: 5 is no box: give [x1, y1, x2, y2]"),
    "a text": (b"a", "all", 422, "boxes: all is no box"),
    "no pictures": ([], [], 422, "like: the list is empty"),
    "names for a list of pictures": ([b"a"], {"a": BOX}, 422, "the boxes of each"),
    "pictures": ([b"a"] * 3, [BOX] * 3, 413, "like: 3 pictures; this server takes at most 2"),
    "boxes": (b"a", [BOX] * 6, 413, "boxes: 6 boxes; this server takes at most 5"),
    "boxes by name": (b"a", {"a": [BOX] * 3, "b": [BOX] * 3}, 413, "boxes: 6 boxes"),
    "boxes of pictures": ([b"a", b"b"], [[BOX] * 3] * 2, 413, "boxes: 6 boxes"),
    "numbers without boxes": (b"a", [1] * 24, 413, "boxes: 6 boxes"),
    "empty boxes": (b"a", [[]] * 6, 413, "boxes: 6 boxes"),
    "names": (b"a", {"a": BOX, "b": BOX, "c": BOX, "d": BOX}, 413, "names and boxes: 4 names"),
    "a long name": (b"a", {"x" * 11: BOX}, 413, "boxes: the name 'xxxxxxxxxxx'...: 11 characters"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_or_too_much_is_named(case: str) -> None:
    like, boxes, status, message = WRONG[case]
    with pytest.raises(HTTPException) as raised:
        question(like, boxes)
    assert raised.value.status_code == status
    assert message in raised.value.detail and len(raised.value.detail) < 200


def test_names_of_boxes_count_with_the_others_once() -> None:
    boxes = {"a": BOX, "b": BOX}
    assert question(b"a", boxes, ("a", "c")).words == ("a", "c")
    with pytest.raises(HTTPException, match="names and boxes: 4 names"):
        question(b"a", boxes, ("c", "d"))
