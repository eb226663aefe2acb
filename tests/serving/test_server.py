import base64
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from glip_pl.inference.predictor import Predictor
from glip_pl.serving.answering import body_of
from glip_pl.serving.description import REFUSALS, Found
from tests.serving.pictures import PICTURE, bomb, encoded
from tests.serving.served import Served, assert_refused, serving

NAMES = ["red circle", "square"]
LIMITS = ["limits.megabytes=0.5", "limits.megapixels=0.1", "limits.names=3"]
FILE = encoded(PICTURE)
IMAGE = base64.b64encode(FILE).decode()
FIELDS = {"image", "names", "text", "threshold", "max_boxes", "like", "boxes"}


@pytest.fixture(scope="module")
def served(tiny_finding: Path) -> Iterator[Served]:
    with serving(tiny_finding, *LIMITS) as server:
        yield server


@pytest.fixture(scope="module")
def predictor(tiny_finding: Path) -> Predictor:
    return Predictor.load(tiny_finding, "cpu")


def post_json(served: Served, picture: bytes = FILE, **fields: Any) -> httpx.Response:
    image = base64.b64encode(picture).decode()
    return served.client.post("/predict", json={"image": image, **fields})


def alike(answer: Any, expected: Any) -> bool:
    """Whether the same boxes are found; in a batch, sums have another order."""
    found, wanted = answer.pop("boxes"), dict(expected).pop("boxes")
    return (
        answer == {key: value for key, value in expected.items() if key != "boxes"}
        and [box["name"] for box in found] == [box["name"] for box in wanted]
        and [box["score"] for box in found]
        == pytest.approx([box["score"] for box in wanted], abs=1e-5)
        and all(
            one["box"] == pytest.approx(other["box"], abs=0.01)
            for one, other in zip(found, wanted, strict=True)
        )
    )


def test_both_kinds_of_requests_are_answered_as_the_predictor_does(
    served: Served, predictor: Predictor
) -> None:
    form = {"names": NAMES, "threshold": "0.2", "max_boxes": "7"}
    by_form = served.client.post("/predict", data=form, files={"image": FILE})
    by_json = post_json(served, names=NAMES, threshold=0.2, max_boxes=7)
    by_text = post_json(served, text="a red circle. squares")
    expected = body_of(predictor(PICTURE, NAMES, threshold=0.2, max_boxes=7))
    assert by_form.json() == by_json.json() == expected
    assert by_text.json() == body_of(predictor(PICTURE, "a red circle. squares"))
    assert len(expected["boxes"]) > 3
    Found.model_validate(by_json.json(), strict=True)


def test_requests_that_wait_together_do_not_change_each_other(
    served: Served, predictor: Predictor
) -> None:
    pictures = [PICTURE.resize((100 + 20 * (index % 2), 90)) for index in range(6)]
    pictures = [picture.rotate(7 * index) for index, picture in enumerate(pictures)]

    def ask(index: int) -> Any:
        if index == 2:
            return post_json(served, b"broken", names=NAMES).status_code
        return post_json(served, encoded(pictures[index]), names=NAMES).json()

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(ask, range(6)))
    assert answers.pop(2) == 422
    del pictures[2]
    for answer, picture in zip(answers, pictures, strict=True):
        assert alike(answer, body_of(predictor(picture, NAMES)))


def test_a_photograph_is_turned_upright(served: Served) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    answer = post_json(served, encoded(PICTURE, "JPEG", exif=exif), names=NAMES).json()
    assert (answer["height"], answer["width"]) == PICTURE.size


WRONG: dict[str, tuple[Any, ...]] = {
    "no picture": ({"image": "aGVsbG8="}, 422, "broken or no image"),
    "no base64": ({"image": "///%"}, 422, "base64"),
    "a path": ({"image": "/etc/passwd"}, 422, "image"),
    "an address": ({"image": "http://127.0.0.1:1/picture.png"}, 422, "base64"),
    "a number": ({"image": 5}, 422, "image: must be a valid string"),
    "nothing": ({"image": None}, 422, "image"),
    "too much": ({"threshold": 1.5}, 422, "threshold"),
    "a text for a number": ({"threshold": "0.5"}, 422, "threshold"),
    "no count": ({"max_boxes": 0}, 422, "max_boxes"),
    "a fraction": ({"max_boxes": 1.5}, 422, "max_boxes"),
    "a huge number": ({"max_boxes": 10**30}, 413, "max_boxes", "1000"),
    "another field": ({"path": "/etc/passwd"}, 422, "path", "unknown field"),
    "both": ({"text": "a circle"}, 422, "either"),
    "a model of words": ({"like": IMAGE, "boxes": [4, 4, 20, 24]}, 422, "reads words only"),
    "neither": ({"names": None}, 422, "either"),
    "no names": ({"names": []}, 422, "names", "empty"),
    "an empty name": ({"names": ["circle", " "]}, 422, "no words"),
    "a name that is no text": ({"names": ["circle", 3]}, 422, "names[1]"),
    "nested names": ({"names": [["circle"]]}, 422, "names[0]"),
    "too many names": ({"names": ["circle"] * 4}, 413, "names", "4", "at most 3"),
    "a long name": ({"names": ["x" * 101]}, 413, "names[0]", "101", "at most 100"),
    "a long text": ({"names": None, "text": "x" * 2001}, 413, "text", "at most 2000"),
    "a text of stops": ({"names": None, "text": " . ."}, 422, "names nothing"),
    "too many tokens": ({"names": None, "text": "é! " * 600}, 422, "tokens"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_fields_are_named(served: Served, case: str) -> None:
    fields, status, *words = WRONG[case]
    body = {"image": IMAGE, "names": NAMES, **fields}
    assert_refused(served.client.post("/predict", json=body), status, *words)


BODIES: dict[str, tuple[Any, ...]] = {
    "no JSON": (b"{", 400, "no JSON"),
    "deep JSON": (b'{"a":' * 50_000, 400, "no JSON"),
    "deep lists": (b"[" * 200_000, 400, "no JSON"),
    "a list": (b"[1]", 422, "the body"),
    "not a number": (b'{"image":"","names":["a"],"threshold":NaN}', 422, "threshold"),
    "a number of thousands of digits": (b'{"max_boxes":' + b"9" * 9000 + b"}", 400, ""),
    "bytes that are no text": (b'{"text":"\xff\xfe"}', 400, "no JSON"),
    "half a character": (b'{"image":"","text":"\\ud800"}', 400, "no JSON"),
    "nothing": (b"", 400, "no JSON"),
    "too large": (b" " * 600_000, 413, "500000 bytes"),
}


@pytest.mark.parametrize("case", BODIES)
def test_hostile_bodies_are_refused(served: Served, case: str) -> None:
    content, status, *words = BODIES[case]
    headers = {"content-type": "application/json"}
    assert_refused(served.client.post("/predict", content=content, headers=headers), status, *words)


FORMS: dict[str, tuple[Any, ...]] = {
    "no boundary": (b"x", "multipart/form-data", 400, "boundary"),
    "another boundary": (b"--a\r\n\r\n--a--", "multipart/form-data; boundary=b", 400, "form"),
    "an unfinished part": (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="/etc/passwd"\r\n\r\nx',
        "multipart/form-data; boundary=b",
        *(422, "image"),
    ),
    "no name": (b"--b\r\nA: b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", 400, "name"),
    "another type": (b"x", "text/plain", 415, "text/plain", "application/json"),
    "no type": (b"x", "", 415, "none"),
}


@pytest.mark.parametrize("case", FORMS)
def test_broken_forms_are_refused(served: Served, case: str) -> None:
    content, kind, status, *words = FORMS[case]
    answer = served.client.post("/predict", content=content, headers={"content-type": kind})
    assert_refused(answer, status, *words)


def test_wrong_parts_of_forms_are_named(served: Served) -> None:
    def check(data: Any, files: Any, status: int, *words: str) -> None:
        assert_refused(served.client.post("/predict", data=data, files=files), status, *words)

    picture = {"image": FILE}
    check({"names": NAMES, "image": "x"}, {"other": b""}, 422, "image: must be a file")
    check({"names": NAMES, "threshold": "nan"}, picture, 422, "threshold", "finite")
    check({"names": NAMES, "threshold": ["0", "1"]}, picture, 422, "threshold", "2 values")
    check({}, {"names": b"red", **picture}, 422, "names", "not a file")
    check({"names": ["a"] * 4}, picture, 413, "names", "at most 3")
    check({"names": ["a"] * 400}, picture, 400, "Too many fields")
    check({"text": "x" * 50_000}, picture, 400, "Part exceeded")
    check({"names": NAMES}, [("image", FILE), ("image", FILE)], 422, "2 values")


PICTURES: dict[str, tuple[Any, ...]] = {
    "a bomb": (bomb(50_000, 50_000), 413, "pixels", "at most 100000"),
    "a little too large": (encoded(Image.new("L", (400, 251))), 413, "400 x 251"),
    "cut off": (encoded(PICTURE)[:600], 422, "the image of the request is broken"),
    "a web page": (b"<!doctype html><html></html>", 422, "web page"),
    "an archive": (b"PK\3\4" + bytes(100), 422, "ZIP"),
    "a program for a printer": (b"%!PS-Adobe-3.0 EPSF-3.0\n", 422, "PostScript"),
    "nothing": (b"", 422, "empty"),
}


@pytest.mark.parametrize("case", PICTURES)
def test_hostile_pictures_are_refused(served: Served, case: str) -> None:
    content, status, *words = PICTURES[case]
    assert_refused(post_json(served, content, names=NAMES), status, *words)


def test_pictures_of_extreme_shapes_are_answered(served: Served) -> None:
    for size in ((1, 1), (1, 5000), (5000, 1)):
        assert post_json(served, encoded(Image.new("RGB", size)), names=NAMES).status_code == 200


def test_pages_describe_the_requests_and_load_nothing_from_elsewhere(served: Served) -> None:
    schema = served.client.get("/openapi.json").json()
    operation = schema["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]
    for kind in ("application/json", "multipart/form-data"):
        properties = content[kind]["schema"]["properties"]
        assert set(properties) == FIELDS
        assert content[kind]["schema"]["required"] == ["image"]
    assert set(operation["responses"]) == {"200", *map(str, REFUSALS)}
    page = served.client.get("/docs").text
    assert "max_boxes" in page and "name_characters" in page
    assert "//" not in page.replace("http://127.0.0.1", "")
    assert_refused(served.client.get("/predict"), 405)
    for gone in ("/redoc", "/info"):
        assert_refused(served.client.get(gone), 404)


def test_a_client_that_leaves_does_no_harm(served: Served) -> None:
    def half_a_body() -> Iterator[bytes]:
        yield b'{"image": "'
        raise ConnectionError

    with pytest.raises(ConnectionError):
        served.client.post(
            "/predict", content=half_a_body(), headers={"content-type": "application/json"}
        )
    assert post_json(served, names=NAMES).status_code == 200


def test_ends_with_all_its_processes_at_sigterm(tiny_finding: Path, served: Served) -> None:
    """The last test of the server that the others share."""
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(post_json(served, names=NAMES).status_code)
    )
    asking.start()
    time.sleep(0.05)
    served.process.send_signal(signal.SIGTERM)
    asking.join()
    said = served.output()  # ends only when no process holds the pipe
    assert answers == [200]
    assert served.process.returncode == 0
    assert said.endswith("stopped\n") and "Traceback" not in said
    assert not served.listens()


@pytest.mark.slow
def test_no_request_of_many_clients_is_lost(tiny_finding: Path, predictor: Predictor) -> None:
    pictures = [PICTURE.rotate(angle) for angle in range(0, 100, 5)]
    whats: list[dict[str, Any]] = [
        {"names": NAMES},
        {"text": "a red circle. squares"},
        {"names": ["square"]},
    ]
    expected = [
        [body_of(predictor(picture, next(iter(what.values())))) for what in whats]
        for picture in pictures
    ]
    files = [encoded(picture) for picture in pictures]
    with serving(tiny_finding, "workers=2") as served:

        def ask(number: int) -> bool:
            answer = post_json(served, files[number % 20], **whats[number % 3])
            return alike(answer.json(), expected[number % 20][number % 3])

        with ThreadPoolExecutor(16) as threads:
            assert sum(threads.map(ask, range(500))) == 500


@pytest.mark.slow
def test_a_killed_server_leaves_nothing_and_can_be_restarted(tiny_finding: Path) -> None:
    with serving(tiny_finding) as served:
        served.process.kill()
        served.output()  # ends when all its processes have ended
        assert not served.listens()
        with serving(tiny_finding, port=served.port) as again:
            assert post_json(again, names=NAMES).status_code == 200
            os.kill(again.process.pid, signal.SIGINT)
            assert again.output().endswith("stopped\n")


@pytest.mark.slow
def test_a_server_stops_when_its_worker_has_died(tiny_finding: Path) -> None:
    with serving(tiny_finding) as served:
        worker = _child(served, "spawn_main")
        os.kill(worker, signal.SIGKILL)
        said = served.output()
        assert "ended unexpectedly" in said and "Traceback" not in said
        assert served.process.returncode == 2


@pytest.mark.slow
def test_more_requests_than_may_wait_are_told_so(tiny_finding: Path) -> None:
    with serving(tiny_finding, "limits.waiting=1") as served:

        def ask(_: int) -> int:
            return post_json(served, names=NAMES).status_code

        with ThreadPoolExecutor(8) as threads:
            codes = set(threads.map(ask, range(40)))
        assert codes == {200, 503}


@pytest.mark.slow
def test_a_slow_body_is_not_waited_for(tiny_finding: Path) -> None:
    def slow() -> Iterator[bytes]:
        for _ in range(60):
            yield b" "
            time.sleep(0.1)

    with serving(tiny_finding, "limits.seconds=2") as served:
        started = time.monotonic()
        headers = {"content-type": "application/json"}
        answer = served.client.post("/predict", content=slow(), headers=headers)
        assert_refused(answer, 408, "2 seconds")
        assert time.monotonic() - started < 30


@pytest.mark.slow
def test_the_model_must_load(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"no checkpoint")
    server = Served(broken)
    said = server.output()
    assert server.process.returncode == 2
    assert f"{broken}" in said and "Traceback" not in said and said.count("error: ") == 2


def _child(served: Served, word: str) -> int:
    """The process id of the child of a server whose command line has a word."""
    for folder in Path("/proc").glob("[0-9]*"):
        status, words = folder / "stat", folder / "cmdline"
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent == served.process.pid and word in words.read_text():
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError(f"no child process with {word}")
