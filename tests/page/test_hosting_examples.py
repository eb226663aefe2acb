"""Examples on the page in a real browser: in a file of its own, as one browser runs at a time."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.browser import browsing
from tests.reliability.tiny import config_of, write_own
from tests.serving.pictures import PICTURE
from tests.serving.served import serving


@pytest.mark.slow
def test_two_clicks_on_an_example_are_a_box_to_look_for(tiny_text: Path, tmp_path: Path) -> None:
    picture = tmp_path / "two things.png"
    PICTURE.resize((600, 450)).save(picture)
    path = write_own(tmp_path / "a.ckpt", config_of(tiny_text, visual_prompts=True))
    with serving(path, command="demo") as page, browsing() as (tab, _):
        tab.set_default_timeout(30_000)
        tab.goto(f"http://127.0.0.1:{page.port}/")
        tab.set_input_files("#picture input[type=file]", picture)
        tab.click("#by_example > button")
        tab.set_input_files("#example input[type=file]", picture)
        shown = tab.wait_for_selector("#example img")
        tab.fill("#name textarea, #name input", "mark")
        assert shown is not None
        for x, y in ((20, 30), (120, 90)):
            shown.click(position={"x": x, "y": y})
        box = tab.locator("#example_boxes textarea")
        expect(box).to_have_value(re.compile(r"mark: \d+, \d+, \d+, \d+"))
        x1, y1, x2, y2 = (int(one) for one in box.input_value().split(": ")[1].split(", "))
        assert 0 < x1 < x2 <= 600 and 0 < y1 < y2 <= 450
        tab.click("#detect")
        expect(tab.locator("#boxes .body-cell", has_text="mark").first).to_be_visible()
