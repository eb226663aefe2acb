"""The page in a real browser."""

import io
import json
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page, expect

from tests.page.browser import browsing
from tests.serving.pictures import PICTURE
from tests.serving.served import Served, serving

TEXT = "a red circle. squares"
HOSTILE = '<img src=x onerror="hacked=1">'


@pytest.fixture(scope="module")
def served(tiny_finding: Path) -> Iterator[Served]:
    with serving(tiny_finding, command="demo") as page:
        yield page


@pytest.fixture(scope="module")
def tab(served: Served) -> Iterator[Page]:
    """The page in a browser, which may ask for nothing from other machines."""
    with browsing() as (tab, hosts):
        tab.set_default_timeout(30_000)
        tab.goto(f"http://127.0.0.1:{served.port}/")
        yield tab
        assert set(hosts) <= {"127.0.0.1", ""} and "127.0.0.1" in hosts


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uploads") / "two things.png"
    PICTURE.resize((600, 450)).save(path)
    return path


def detect(tab: Page, picture: Path, text: str) -> None:
    """Upload, type and click."""
    tab.goto(tab.url)
    tab.set_input_files("#picture input[type=file]", picture)
    tab.wait_for_selector("#picture img")
    tab.fill("#text textarea, #text input", text)
    tab.click("#detect")


def drawn(tab: Page) -> Image.Image:
    """The picture under "Found", as the browser has it."""
    source = tab.get_attribute("#found img", "src")
    assert source is not None
    return Image.open(io.BytesIO(tab.request.get(source).body())).convert("RGB")


def scores(tab: Page) -> list[tuple[str, float]]:
    """Phrase and score of each row of the table."""
    phrases, numbers = (tab.locator(f"#boxes .body-cell[data-col='{column}']") for column in (0, 1))
    pairs = zip(phrases.all_inner_texts(), numbers.all_inner_texts(), strict=True)
    return [(phrase.strip(), float(score)) for phrase, score in pairs]


def test_upload_type_click_and_boxes_are_seen(tab: Page, picture: Path) -> None:
    detect(tab, picture, TEXT)
    expect(tab.locator("input[type=range]")).to_have_count(2)
    before = drawn(tab)
    changed = ImageChops.difference(before, Image.open(picture)).getbbox()
    assert before.size == (600, 450) and changed is not None
    expect(tab.locator("#words .thumbnail-item img")).to_have_count(4)  # a, red, circle, squares
    found = scores(tab)
    assert {phrase for phrase, _ in found} == {"a red circle", "squares"}
    tab.locator("input[type=range]").first.press("End")
    expect(tab.locator("#boxes .body-cell", has_text="a red circle")).to_have_count(0)
    assert scores(tab) == [(phrase, score) for phrase, score in found if phrase == "squares"]
    assert ImageChops.difference(before, drawn(tab)).getbbox() is not None


def test_downloads_hold_what_is_shown(tab: Page, picture: Path) -> None:
    detect(tab, picture, TEXT)
    expect(tab.locator("input[type=range]")).to_have_count(2)
    with tab.expect_download() as as_coco:
        tab.click("#coco")
    with tab.expect_download() as as_yolo:
        tab.click("#yolo")
    coco = json.loads(as_coco.value.path().read_text())
    assert [category["name"] for category in coco["categories"]] == ["a red circle", "squares"]
    assert len(coco["annotations"]) == len(scores(tab))
    assert coco["images"][0]["width"] == 600
    with zipfile.ZipFile(as_yolo.value.path()) as archive:
        names = archive.namelist()
        labels = next(archive.read(name) for name in names if name.endswith(".txt"))
    assert "data.yaml" in names and any(name.endswith(".png") for name in names)
    assert len(labels.splitlines()) == len(scores(tab))


def test_an_example_is_one_click(tab: Page) -> None:
    tab.goto(tab.url)
    tab.get_by_text("ring. cross").click()
    expect(tab.locator("input[type=range]")).to_have_count(2)
    assert drawn(tab).width >= 256


def test_texts_are_shown_and_never_run(tab: Page, picture: Path) -> None:
    detect(tab, picture, f"{HOSTILE}. a circle {HOSTILE}")
    expect(tab.locator("input[type=range]")).to_have_count(2)
    assert scores(tab)
    expect(tab.get_by_text(HOSTILE).first).to_be_visible()
    tab.fill("#text textarea, #text input", HOSTILE * 90)  # too long: the message names it
    tab.click("#detect")
    expect(tab.get_by_test_id("toast-body")).to_be_visible()
    assert tab.locator("img[src=x]").count() == 0
    assert tab.evaluate("window.hacked === undefined")


def test_what_is_missing_or_broken_is_said(tab: Page, tmp_path: Path) -> None:
    tab.goto(tab.url)
    tab.click("#detect")
    expect(tab.get_by_test_id("toast-body")).to_contain_text("choose a picture first")
    broken = tmp_path / "broken.png"
    PICTURE.resize((600, 450)).save(broken)
    broken.write_bytes(broken.read_bytes()[:900])
    detect(tab, broken, TEXT)
    expect(tab.get_by_test_id("toast-body")).to_contain_text("the image broken.png is broken")


def test_files_of_the_machine_are_not_served(served: Served, tmp_path: Path) -> None:
    secret = Path(__file__)
    for address in (f"/gradio_api/file={secret}", "/gradio_api/file=..%2f..%2fetc/passwd"):
        assert served.client.get(address).status_code in (403, 404)
    config = served.client.get("/config").json()
    number = next(event["id"] for event in config["dependencies"] if len(event["inputs"]) == 2)
    for path in (str(secret), "http://127.0.0.1:9/picture.png"):
        said = _event(served.client, number, [{"path": path, "orig_name": "a.png"}, TEXT])
        assert '"success":false' in said.replace(" ", "")
        assert "Traceback" not in said


def _event(client: httpx.Client, number: int, data: list[Any]) -> str:
    """All that the server says about an event of the page."""
    body = {"fn_index": number, "data": data, "session_hash": "abc", "trigger_id": 1}
    client.post("/gradio_api/queue/join", json=body).raise_for_status()
    return client.get("/gradio_api/queue/data", params={"session_hash": "abc"}).text


def test_ends_at_sigterm(served: Served) -> None:
    """The last test of the page that the others share."""
    policy = served.client.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    served.process.send_signal(signal.SIGTERM)
    said = served.output()
    assert served.process.returncode == 0
    assert said.endswith("stopped\n")
