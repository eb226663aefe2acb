import base64
import json
import tracemalloc

import pytest
from fastapi import HTTPException

from glip_pl.serving.fields import Defaults, Fields, JsonRequest
from glip_pl.serving.limits import Limits

LIMITS = Limits(1, 1, 3, 10, 20, 50, 2, 5, 4, 5.0)
DEFAULTS = Defaults(0.3, 40)


def read(image: str) -> JsonRequest:
    """A request with this picture."""
    return JsonRequest.of_json(json.dumps({"image": image, "text": "a cat"}).encode())


def test_texts_of_a_form_become_numbers_and_the_rest_has_defaults() -> None:
    fields = Fields.of_form({"names": ["cat"], "max_boxes": "7"})
    query = fields.query(b"picture", DEFAULTS, LIMITS)
    assert (query.picture, query.what) == (b"picture", ("cat",))
    assert (query.threshold, query.max_boxes) == (0.3, 7)


def test_a_data_url_is_a_picture() -> None:
    picture = base64.b64encode(b"picture").decode()
    for image in (picture, f"data:image/png;base64,{picture}"):
        assert read(image).picture() == b"picture"
    with pytest.raises(HTTPException, match="base64"):
        read("file:///etc/passwd").picture()


def test_messages_do_not_repeat_what_was_sent() -> None:
    long = "x" * 5000
    for body in (f'{{"image": {{"{long}": 1}}}}', f'{{"image": "", "{long}": 1}}'):
        with pytest.raises(HTTPException) as raised:
            JsonRequest.of_json(body.encode())
        assert len(raised.value.detail) < 200


WRONG_NAMES: list[object] = [1, [], {}, None]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *(({"names": [name] * 20_000}, r"names\[0\]: must be") for name in WRONG_NAMES),
        ({f"{number:x}": 1 for number in range(20_000)}, "0: unknown field"),
    ],
)
def test_many_faults_take_no_memory_for_errors(fields: dict[str, object], message: str) -> None:
    body = json.dumps({"image": "", **fields}).encode()
    tracemalloc.start()
    try:
        with pytest.raises(HTTPException, match=message):
            JsonRequest.of_json(body)
        assert tracemalloc.get_traced_memory()[1] < 30 * len(body)
    finally:
        tracemalloc.stop()
