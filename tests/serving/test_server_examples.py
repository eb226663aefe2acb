"""Requests with example pictures and boxes, sent to a server whose model reads them."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from glip_pl.inference.predictor import Predictor
from glip_pl.serving.answering import body_of
from tests.reliability.tiny import config_of, write_own
from tests.serving.pictures import PICTURE, bomb, encoded
from tests.serving.served import Served, assert_refused, serving

BOX = [4, 4, 60, 40]
OTHER = [30, 20, 110, 80]
LIKE = PICTURE.rotate(20)
LIMITS = ["limits.example_pictures=2", "limits.example_boxes=3", "limits.megapixels=0.1"]


@pytest.fixture(scope="module")
def checkpoint(tiny_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a small model with random weights that reads examples."""
    path = tmp_path_factory.mktemp("served_examples") / "visual.ckpt"
    return write_own(path, config_of(tiny_text, visual_prompts=True))


@pytest.fixture(scope="module")
def served(checkpoint: Path) -> Iterator[Served]:
    with serving(checkpoint, *LIMITS) as server:
        yield server


@pytest.fixture(scope="module")
def predictor(checkpoint: Path) -> Predictor:
    return Predictor.load(checkpoint, "cpu")


def in_base64(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def post_json(served: Served, **fields: Any) -> httpx.Response:
    image = in_base64(encoded(PICTURE))
    return served.client.post("/predict", json={"image": image, **fields})


def post_form(served: Served, like: list[Any], **fields: Any) -> httpx.Response:
    files = [("image", encoded(PICTURE)), *(("like", one) for one in like)]
    return served.client.post("/predict", data=fields, files=files)


def test_one_example_is_answered_as_the_predictor_does(
    served: Served, predictor: Predictor
) -> None:
    expected = body_of(predictor(PICTURE, like=LIKE, boxes=BOX))
    assert len(expected["boxes"]) > 1
    like = encoded(LIKE)
    assert post_form(served, [like], boxes=json.dumps(BOX)).json() == expected
    assert post_json(served, like=in_base64(like), boxes=BOX).json() == expected
    assert post_json(served, like=[in_base64(like)], boxes=[BOX]).json() == expected


def test_named_boxes_of_several_pictures_stand_beside_words(
    served: Served, predictor: Predictor
) -> None:
    pictures = [LIKE, PICTURE]
    boxes: list[Any] = [{"circle": [BOX, OTHER]}, {"star": OTHER}]
    files = [encoded(picture) for picture in pictures]
    like = [in_base64(file) for file in files]
    by_text = body_of(predictor(PICTURE, "a red square. circle", like=pictures, boxes=boxes))
    by_names = body_of(predictor(PICTURE, ["square", "circle"], like=pictures, boxes=boxes))
    form = {"boxes": json.dumps(boxes)}
    assert post_form(served, files, text="a red square. circle", **form).json() == by_text
    assert post_form(served, files, names=["square", "circle"], **form).json() == by_names
    assert post_json(served, like=like, boxes=boxes, text="a red square. circle").json() == by_text
    names = {box["label"]: box["name"] for box in by_names["boxes"]}
    assert names.items() <= {0: "square", 1: "circle", 2: "star"}.items() and len(names) > 1


LARGE = in_base64(encoded(Image.new("L", (300, 200))))
SMALL = in_base64(encoded(LIKE))

WRONG: dict[str, tuple[Any, ...]] = {
    "a path": ({"like": "/etc/passwd"}, 422, "like", "picture"),
    "an address": ({"like": "http://127.0.0.1:1/a.png"}, 422, "like: the text is not in base64"),
    "an address in a list": ({"like": [SMALL, "file:///a"], "boxes": [BOX] * 2}, 422, "like[1]"),
    "a number": ({"like": 5}, 422, "like: must be a text, a picture file in base64"),
    "no picture": ({"like": in_base64(b"hello")}, 422, "like[0] of the request", "no image"),
    "no examples": ({"like": None}, 422, "like and boxes belong together"),
    "no boxes": ({"boxes": None}, 422, "like and boxes belong together"),
    "empty boxes": ({"boxes": []}, 422, "give [x1,y1,x2,y2]"),
    "a box outside": ({"boxes": [130, 4, 150, 40]}, 422, "no box in like[0]", "120 x 90"),
    "a box without height": ({"boxes": [4, 40, 60, 40]}, 422, "x1 < x2 and y1 < y2"),
    "three numbers": ({"boxes": [1, 2, 3]}, 422, "give [x1,y1,x2,y2]"),
    "numbers as texts": ({"boxes": ["4", "4", "60", "40"]}, 422, "give [x1,y1,x2,y2]"),
    "a huge number": ({"boxes": [4, 4, 10**400, 40]}, 422, "give [x1,y1,x2,y2]"),
    "an empty name": ({"boxes": {" ": BOX}}, 422, "no words are left of the name"),
    "boxes of one picture": ({"like": [SMALL] * 2, "boxes": [BOX]}, 422, "2 pictures", "1"),
    "too many pictures": ({"like": [SMALL] * 3}, 413, "like: 3 pictures", "at most 2"),
    "too many boxes": ({"boxes": [BOX] * 4}, 413, "boxes: 4 boxes", "at most 3"),
    "too many pixels": ({"like": [LARGE] * 2, "boxes": [BOX] * 2}, 413, "like", "120000 pixels"),
    "a bomb": ({"like": in_base64(bomb(50_000, 50_000))}, 413, "like[0]", "at most 100000"),
    "text and names": ({"text": "a circle", "names": ["square"]}, 422, "either"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_examples_are_named(served: Served, case: str) -> None:
    fields, status, *words = WRONG[case]
    assert_refused(post_json(served, **{"like": SMALL, "boxes": BOX, **fields}), status, *words)


def test_wrong_parts_of_forms_are_named(served: Served) -> None:
    def check(files: list[Any], boxes: str, status: int, *words: str) -> None:
        assert_refused(post_form(served, files, boxes=boxes), status, *words)

    file, box = encoded(LIKE), json.dumps(BOX)
    check([], box, 422, "like and boxes belong together")
    check([file], "4,4,60,40", 422, "boxes: no JSON")
    check([file], "[" * 1000, 422, "boxes: no JSON")
    check([file], "[4,4,NaN,40]", 422, "boxes: no JSON")
    check([file] * 3, box, 413, "like: 3 pictures", "at most 2")
    check([file] * 9, box, 400, "Too many files")
    check([file], json.dumps([BOX] * 4), 413, "boxes: 4 boxes", "at most 3")
    assert_refused(post_form(served, [file]), 422, "like and boxes belong together")
    for path in ("/etc/passwd", "http://127.0.0.1:1/a.png"):
        data, files = {"like": path, "boxes": box}, {"image": file}
        answer = served.client.post("/predict", data=data, files=files)
        assert_refused(answer, 422, "like: must be a file")
