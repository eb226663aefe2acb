from pathlib import Path

import gradio as gr
import pytest

from glip_pl.inference.predictor import Predictor
from glip_pl.page.blocks import COLUMNS, Page
from glip_pl.page.finding import LEAST_SCORE
from tests.reliability.tiny import config_of, write_own
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


def test_examples_are_looked_for_beside_words_or_alone(tiny_text: Path, tmp_path: Path) -> None:
    path = write_own(tmp_path / "a.ckpt", config_of(tiny_text, visual_prompts=True))
    page = Page(Predictor.load(path, "cpu"), threshold=0.0, max_boxes=3)
    upload = tmp_path / "photo.png"
    PICTURE.save(upload)
    boxes = "mark: 2, 2, 20, 20"
    finding, *_ = page.detect(str(upload), "a square", str(upload), boxes)
    assert finding.result.classes == ("a square", "mark")
    finding, *_ = page.detect(str(upload), " ", str(upload), boxes)
    assert finding.result.classes == ("mark",)
    with pytest.raises(gr.Error, match=r"is no box in photo\.png, which has 120 x 90 pixels"):
        page.detect(str(upload), "", str(upload), "9, 9, 2, 2")
    labels = {block.elem_id for block in page.blocks([]).blocks.values()}
    assert {"example", "example_boxes"} <= labels


def test_a_model_that_reads_words_only_shows_no_inputs_for_examples(page: Page) -> None:
    assert "example" not in {block.elem_id for block in page.blocks([]).blocks.values()}
