"""What the page shows and what its parts do, by gradio."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from glip_pl.data.images import load_image, upright
from glip_pl.errors import UserError
from glip_pl.inference.encoded_query import What
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.visual_prompt import words_beside
from glip_pl.page.example_boxes import Corner, boxes_of, with_click
from glip_pl.page.finding import LEAST_SCORE, Finding, rows_of
from glip_pl.page.word_maps import word_maps

MOST_SLIDERS = 12
"""Phrases up to which each has a slider; beyond, one slider is for all."""

COLUMNS = ["phrase", "score", "x1", "y1", "x2", "y2"]

DAY = 24 * 3600
"""Seconds after which uploaded pictures are deleted, and between two looks for them."""

PRIVATE: Any = {"api_visibility": "private"}
"""Events are for this page; programs have the server."""


class Page:
    """The page for one model."""

    def __init__(self, predictor: Predictor, threshold: float, max_boxes: int) -> None:
        """`threshold` is where the sliders start."""
        self.predictor = predictor
        self.threshold = max(threshold, LEAST_SCORE)
        self.max_boxes = max_boxes

    def blocks(self, examples: Sequence[Sequence[str]]) -> gr.Blocks:
        """The page with examples: a picture file and a text each."""
        with gr.Blocks(
            title="glip_pl", analytics_enabled=False, delete_cache=(DAY, DAY), fill_width=True
        ) as blocks:
            gr.Markdown("# Find what a text names\nEach box is scored against every phrase.")
            found = gr.State(None, time_to_live=DAY)
            with gr.Row():
                with gr.Column(scale=2):
                    picture, text, button, below = _inputs()
                    shown = _examples() if len(self.predictor.model.visual) else []
                with gr.Column(scale=3):
                    outputs = self._outputs(found)
            everything = [found, _words(), *outputs]
            with below:
                gr.Examples(
                    [list(example) for example in examples],
                    [picture, text],
                    everything,
                    self.detect,
                    run_on_click=True,
                    cache_examples=False,
                    api_visibility="private",
                )
            gr.on(
                [button.click, text.submit],
                self.detect,
                [picture, text, *shown],
                everything,
                concurrency_limit=1,
                **PRIVATE,
            )
        return blocks

    def _outputs(self, found: gr.State) -> list[Any]:
        """The column of results, whose sliders follow the phrases of what was found."""
        drawing = gr.Image(
            label="Found",
            format="png",
            interactive=False,
            buttons=["download", "fullscreen"],
            elem_id="found",
        )
        sliders = gr.Column()
        table = gr.Dataframe(
            headers=COLUMNS,
            datatype=["str", *["number"] * 5],
            interactive=False,
            label="Boxes",
            elem_id="boxes",
        )
        with gr.Row():
            coco = gr.DownloadButton("Download as COCO", interactive=False, elem_id="coco")
            yolo = gr.DownloadButton("Download as YOLO", interactive=False, elem_id="yolo")
        outputs = [drawing, table, coco, yolo]
        with sliders:

            @gr.render(inputs=[found])
            def render(finding: Finding | None) -> None:
                self._sliders(finding, found, outputs)

        return outputs

    def _sliders(self, finding: Finding | None, found: gr.State, outputs: list[Any]) -> None:
        """A slider for each phrase."""
        if finding is None:
            return
        classes = finding.result.classes
        labels = list(classes) if len(classes) <= MOST_SLIDERS else ["all phrases"]
        with gr.Row():
            sliders = [
                gr.Slider(
                    LEAST_SCORE,
                    1,
                    self.threshold,
                    step=0.01,
                    label=label,
                    min_width=200,
                    interactive=True,
                    buttons=[],
                )
                for label in labels
            ]
        for slider in sliders:
            slider.change(
                self.show,
                [found, *sliders],
                outputs,
                show_progress="hidden",
                trigger_mode="always_last",
                **PRIVATE,
            )

    def detect(
        self, upload: str | None, text: str, example: str | None = None, boxes: str = ""
    ) -> tuple[Any, ...]:
        """Look for the text in an uploaded picture; fills all outputs. Raises gr.Error.

        With an `example` picture, also for what its `boxes` show, or for that alone.
        """
        try:
            if upload is None:
                raise UserError("choose a picture first")
            image = upright(load_image(Path(upload)))
            what: What = text
            if example is not None:
                words = words_beside(text if text.strip() else None)
                what = self.predictor.encode_examples(Path(example), boxes_of(boxes), words)
            explanation = self.predictor.explain(
                image, what, threshold=LEAST_SCORE, max_boxes=self.max_boxes
            )
            finding = Finding.of(explanation.result, Path(upload))
        except UserError as error:
            raise _shown(error, upload, example) from error
        return finding, word_maps(explanation), *self.show(finding, self.threshold)

    def show(self, finding: Finding, *thresholds: float) -> tuple[Any, ...]:
        """The drawing, the table and the files of what reaches the thresholds."""
        result = finding.shown(thresholds)
        try:
            coco, yolo = finding.write(result)
        except UserError as error:
            raise _shown(error) from error
        return (
            result.draw(),
            rows_of(result),
            gr.update(value=str(coco), interactive=True),
            gr.update(value=str(yolo), interactive=True),
        )


def _inputs() -> tuple[gr.Image, gr.Textbox, gr.Button, gr.Column]:
    """Picture, text and button, and the place below them."""
    picture = gr.Image(
        label="Picture",
        type="filepath",
        image_mode=None,  # the file is read by our own checked reader
        sources=["upload", "clipboard"],
        elem_id="picture",
    )
    text = gr.Textbox(
        label="What to find",
        info="Phrases, with full stops between them.",
        placeholder="a cat. two dogs",
        elem_id="text",
    )
    return picture, text, gr.Button("Detect", variant="primary", elem_id="detect"), gr.Column()


def _examples() -> list[Any]:
    """The inputs of examples in place of words: a picture, and boxes that clicks add."""
    with gr.Accordion("Show an example instead of words", open=False, elem_id="by_example"):
        example = gr.Image(
            label="Example picture",
            type="filepath",
            image_mode=None,
            sources=["upload", "clipboard"],
            elem_id="example",
        )
        name = gr.Textbox(label="Name of the next box", placeholder="scratch", elem_id="name")
        boxes = gr.Textbox(
            label="Boxes",
            info="Click on two opposite corners, or write: name: x1, y1, x2, y2",
            lines=3,
            elem_id="example_boxes",
        )
    first = gr.State(None)

    def click(
        text: str, label: str, corner: Corner | None, event: gr.SelectData
    ) -> tuple[str, Corner | None]:
        return with_click(text, label, corner, event.index)

    example.select(click, [boxes, name, first], [boxes, first], show_progress="hidden", **PRIVATE)
    example.clear(lambda: ("", None), None, [boxes, first], **PRIVATE)
    return [example, boxes]


def _words() -> gr.Gallery:
    """The place of the heat maps."""
    gr.Markdown("### Where each word is found")
    return gr.Gallery(
        show_label=False,
        columns=4,
        format="jpeg",
        interactive=False,
        object_fit="contain",
        height="max-content",
        buttons=["fullscreen"],
        elem_id="words",
    )


def _shown(error: UserError, *uploads: str | None) -> gr.Error:
    """The error as the page shows it: as text, without the folders of this machine."""
    message = str(error)
    for upload in filter(None, uploads):
        message = message.replace(upload, Path(upload).name)
    return gr.Error(escape(message), print_exception=False)
