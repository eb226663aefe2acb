from pathlib import Path

import gradio as gr
import pytest

from glip_pl.inference.predictor import Predictor
from glip_pl.page.blocks import COLUMNS, Page
from glip_pl.page.finding import LEAST_SCORE
from tests.serving.pictures import PICTURE


@pytest.fixture
def page(tiny_finding: Path) -> Page:
    return Page(Predictor.load(tiny_finding, "cpu"), threshold=0.0, max_boxes=3)


def test_a_detection_fills_all_outputs(page: Page, tmp_path: Path) -> None:
    upload = tmp_path / "photo.png"
    PICTURE.save(upload)
    finding, words, drawing, rows, *_ = page.detect(str(upload), "a square")
    assert len(finding.result) == len(rows) == 3
    assert len(words) == 2  # a, square
    assert len(rows[0]) == len(COLUMNS)
    assert drawing.width >= PICTURE.width
    assert page.threshold == LEAST_SCORE  # the sliders begin no lower


def test_messages_are_texts_without_folders_of_the_machine(page: Page, tmp_path: Path) -> None:
    upload = tmp_path / "<b>.png"
    upload.write_bytes(b"")
    with pytest.raises(gr.Error) as raised:
        page.detect(str(upload), "a square")
    assert "&lt;b&gt;.png is empty" in raised.value.message
    assert str(tmp_path) not in raised.value.message
