from pathlib import Path

import pytest

from glip_pl.inference.predictor import Predictor
from glip_pl.serving.answering import REMEMBERED, Answering, body_of
from glip_pl.serving.fields import Query
from tests.serving.pictures import PICTURE, encoded

FILE = encoded(PICTURE)


@pytest.fixture
def predictor(tiny_finding: Path) -> Predictor:
    return Predictor.load(tiny_finding, "cpu")


def test_a_fault_of_one_request_does_not_concern_the_others(predictor: Predictor) -> None:
    queries = [
        Query(FILE, ("square",), 0.3, 10),
        Query(b"", ("square",), 0.3, 10),
        Query(FILE, "...", 0.3, 10),
        Query(FILE, "a square", 0.2, 5),
    ]
    answers = Answering(predictor, 10**6).answer(queries)
    assert [answer.status for answer in answers] == [200, 422, 422, 200]
    assert answers[0].body == body_of(predictor(PICTURE, ["square"], max_boxes=10))
    assert answers[3].body == body_of(predictor(PICTURE, "a square", threshold=0.2, max_boxes=5))
    assert "file" not in answers[0].body


def test_few_texts_are_remembered(predictor: Predictor) -> None:
    answering = Answering(predictor, 10**6)
    texts = [f"square {number}" for number in range(REMEMBERED + 1)]
    answering.answer([Query(b"", text, 0.3, 1) for text in texts])
    assert not answering._encoded  # nothing is read for broken pictures
    used = [*texts[:2], texts[0], *texts[2:]]
    for text in used:
        answering.answer([Query(FILE, text, 0.3, 1)])
    assert set(answering._encoded) == {*texts} - {texts[1]}


def test_a_fault_of_the_server_is_logged_and_not_told(
    predictor: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    predictor.transform = None  # type: ignore[assignment]  # breaks it
    (answer,) = Answering(predictor, 10**6).answer([Query(FILE, ("square",), 0.3, 10)])
    assert answer.status == 500
    assert answer.body == {"detail": "the server failed; its log says why"}
    assert "AttributeError" in caplog.text
