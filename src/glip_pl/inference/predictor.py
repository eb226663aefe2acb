"""Detects what a text or a list of names says in pictures, from Python."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image

from glip_pl.checkpoints.address import checkpoint_at
from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.data.collate import Collate
from glip_pl.data.transforms import ResizeFlip, target_size
from glip_pl.devices import AUTO, chosen_device
from glip_pl.errors import UserError
from glip_pl.inference.batching import in_batches, in_windows
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.encoded_query import EncodedQuery, What, encoded_queries, encoded_query
from glip_pl.inference.explanation import Explainer, Explanation
from glip_pl.inference.hub_model import HubModel
from glip_pl.inference.image_input import ImageInput, ImageSource, image_sources, is_single
from glip_pl.inference.large_vocabulary import detect_categories
from glip_pl.inference.result import Result
from glip_pl.inference.results import Results
from glip_pl.inference.tiles import OVERLAP, Tile, merged, tiles_of
from glip_pl.inference.visual_prompt import (
    Boxes,
    example_pictures,
    example_rows,
    visual_query,
    words_beside,
)
from glip_pl.models.glip import GLIP
from glip_pl.prompts.tokens import Tokenizer, load_tokenizer
from glip_pl.terminal.progress import with_progress
from glip_pl.types import SHOWN_SCORE, Batch, Detections, Prompt, Sample

BATCH_PIXELS = {"cpu": 1 << 20, "cuda": 1 << 24, "mps": 1 << 22}
"""Most pixels of a batch by type of device; on a CPU a batch of large pictures gains nothing."""

NOTHING = Prompt("", ())
"""The prompt of a batch whose text is encoded already."""


@dataclass(frozen=True, eq=False)
class _Part:
    """A tile of a picture, or all of it, and what to detect in it."""

    image: Image.Image  # RGB
    query: EncodedQuery
    source: ImageSource
    size: tuple[int, int]  # height and width of the whole picture
    tiles: Sequence[Tile]  # all those of the picture


class Predictor(HubModel):
    """A model with its tokenizer and image size; `Predictor.load(checkpoint)` builds one."""

    def __init__(
        self, model: GLIP, tokenizer: Tokenizer, transform: ResizeFlip, decoder: Decoder
    ) -> None:
        model.text_encoder.check_tokenizer(len(tokenizer))
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.transform = transform
        self.decoder = decoder
        self.collate = Collate(tokenizer)

    @classmethod
    def load(
        cls,
        checkpoint: str | Path,
        device: str = AUTO,
        tokenizer: str | None = None,
        **decoding: Any,
    ) -> Self:
        """Build the predictor of a training checkpoint, a converted or released file, or hf://...

        `device` is "auto" (a GPU if there is one), "cpu", "cuda" or "mps"; `tokenizer` is a name on
        the hub or a folder, by default the checkpoint's own; `decoding` are arguments of `Decoder`.
        Raises UserError if the device or a file cannot be used.
        """
        chosen = chosen_device(device)
        path = checkpoint_at(str(checkpoint))
        trained = load_trained(path)
        loaded = load_tokenizer(tokenizer or trained.config["tokenizer"])
        transform = ResizeFlip(**trained.config["eval_transform"])
        predictor = cls(trained.model.to(chosen), loaded, transform, Decoder(**decoding))
        predictor.config, predictor.checkpoint = trained.config, path
        return predictor

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return next(self.model.parameters()).device

    def encode(self, what: What) -> EncodedQuery:
        """Read what to detect, once for any number of calls.

        A text with full stops between its phrases, a list of names (any number), a LearnedPrompt,
        a PromptKit or the Path of its file. Raises UserError if there is nothing to detect, or too
        much.
        """
        return encoded_query(what, self.model, self.tokenizer)

    @torch.inference_mode()
    def encode_examples(
        self, like: ImageInput, boxes: Boxes, words: Sequence[str] = ()
    ) -> EncodedQuery:
        """Read what to detect from examples: boxes in one or more pictures, beside some `words`.

        `boxes` are [x1, y1, x2, y2] in pixels, a list of these, or these by name; for a list of
        pictures a list with such boxes for each. `visual_prompt` turns the query into a file.
        Raises UserError for boxes outside of their picture, or if the model reads words only.
        """
        self.model.check_reads_examples()  # before the pictures are decoded
        pictures = example_pictures(like, boxes)
        rows = example_rows(self.model, lambda image: self.batch([image], [NOTHING]), pictures)
        return visual_query(self.model, self.tokenizer, words, rows)

    def __call__(
        self,
        images: ImageInput,
        what: What | None = None,
        *,
        like: ImageInput | None = None,
        boxes: Boxes = None,
        each: Sequence[What] | None = None,
        threshold: float = SHOWN_SCORE,
        max_boxes: int = 100,
        tiles: int | None = None,
        overlap: float = OVERLAP,
        progress: bool = False,
    ) -> Any:
        """Detect `what` in a picture, or in each of several: a Result, or Results in their order.

        For the kinds of `images` see `image_input.ImageInput`, for those of `what` see `encode`;
        `each` has one of these for each picture instead. With `like` and `boxes`, what the boxes in
        example pictures show is detected, beside `what` (see `encode_examples`). Boxes score above
        `threshold`; of more than `max_boxes` the best are kept. With `tiles`, a side in pixels,
        larger pictures are also searched in overlapping tiles. Raises UserError for what cannot be
        read.
        """
        sources = list(image_sources(images))
        if (like is None) != (boxes is None):
            raise UserError("like= and boxes= belong together: a picture, and boxes in it")
        if like is not None:
            what = self.encode_examples(like, boxes, words_beside(what))
        queries = encoded_queries(what, each, len(sources), self.encode)
        found = self.stream(
            zip(sources, queries, strict=True), threshold, max_boxes, tiles, overlap
        )
        if is_single(images):
            return next(found)
        return Results(with_progress(found, len(sources), "picture") if progress else found)

    def stream(
        self,
        pictures: Iterable[tuple[ImageSource, EncodedQuery]],
        threshold: float = SHOWN_SCORE,
        max_boxes: int = 100,
        tiles: int | None = None,
        overlap: float = OVERLAP,
    ) -> Iterator[Result]:
        """Yield the result of each picture in order; few are decoded at a time.

        For the settings see `__call__`. Raises UserError for settings out of range, and at a
        picture that cannot be read.
        """
        if not 0 <= threshold <= 1:
            raise UserError(f"threshold={threshold} is no score: give a number from 0 to 1")
        if max_boxes < 1:
            raise UserError(f"max_boxes={max_boxes} leaves no box: give at least 1")
        decoder = self._decoder(threshold, max_boxes)
        parts = (
            part
            for source, query in pictures
            for part in _parts(source, source.open(), query, tiles, overlap)
        )
        found: list[Detections] = []
        for part, detections in in_batches(
            in_windows(parts, lambda part: part.image.width * part.image.height),
            lambda part: (self.input_size(part.image), id(part.query)),
            lambda part: BATCH_PIXELS[self.device.type] // math.prod(self.input_size(part.image)),
            lambda alike: self.detect([part.image for part in alike], alike[0].query, decoder),
        ):
            found.append(part.query.above(detections, threshold))
            if len(found) == len(part.tiles):
                every = merged(part.tiles, found, part.size, decoder.nms_iou)
                if len(found) > 1:  # rivals of different tiles
                    every = decoder.of_rivals(every, (part.query.prompt,))
                yield Result.of(part.source, part.size, every, part.query, max_boxes)
                found = []

    def explain(
        self,
        image: ImageInput,
        what: What,
        *,
        threshold: float = SHOWN_SCORE,
        max_boxes: int = 100,
    ) -> Explanation:
        """Detect `what` in one picture, with the evidence for each word (see `Explanation`).

        For the arguments see `__call__`. Raises UserError for several pictures, or what cannot be
        read.
        """
        sources = list(image_sources(image))
        if len(sources) != 1:
            raise UserError(f"explain takes one picture, not {len(sources)}")
        query, decoder = self.encode(what), self._decoder(threshold, max_boxes)
        batch = self.batch([sources[0].open()], [NOTHING])
        explainer = Explainer(self.model, self.tokenizer, decoder, threshold, max_boxes)
        return explainer(sources[0], query, batch)

    def _decoder(self, threshold: float, max_boxes: int) -> Decoder:
        """The decoder for these settings of a call."""
        return replace(
            self.decoder,
            score_threshold=min(threshold, self.decoder.score_threshold),
            max_detections=max_boxes + 1,  # one more tells whether boxes are left out
        )

    def input_size(self, image: Image.Image) -> tuple[int, int]:
        """Height and width, in pixels, at which the model sees a picture."""
        sides = self.transform.short_sides[0], self.transform.max_side
        return target_size(image.height, image.width, *sides)

    @torch.inference_mode()
    def detect(
        self, images: Sequence[Image.Image], query: EncodedQuery, decoder: Decoder | None = None
    ) -> list[Detections]:
        """All detections in a batch of RGB pictures, on the CPU, best first.

        Their phrase ids index the phrases of the query's prompt; boxes include both end pixels.
        """
        batch = self.batch(images, [NOTHING] * len(images))
        chosen = decoder or self.decoder
        found = detect_categories(self.model, chosen, query.questions, batch)
        return [chosen.of_rivals(detections.to("cpu"), (query.prompt,)) for detections in found]

    @torch.inference_mode()
    def ground(self, batch: Batch) -> list[Detections]:
        """Detections in each picture of a batch for its own prompt, on the CPU."""
        output = self.model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        return [detections.to("cpu") for detections in self.decoder(output, batch)]

    def batch(self, images: Sequence[Image.Image], prompts: Sequence[Prompt]) -> Batch:
        """The model's input for RGB pictures with a prompt for each."""
        samples = []
        for image_id, (image, prompt) in enumerate(zip(images, prompts, strict=True)):
            pixels, boxes = self.transform(image, torch.zeros(0, 4), prompt.caption)
            phrase_ids = torch.zeros(0, dtype=torch.int64)
            size = (image.height, image.width)
            samples.append(Sample(pixels, boxes, phrase_ids, prompt, image_id, size))
        return self.collate(samples).to(self.device)


def _parts(
    source: ImageSource,
    image: Image.Image,
    query: EncodedQuery,
    side: int | None,
    overlap: float,
) -> Iterator[_Part]:
    """The tiles of a decoded picture; one with all of it if `side` is None."""
    whole = (0, 0, image.width, image.height)
    size = (image.height, image.width)
    tiles = [whole] if side is None else tiles_of(size, side, overlap)
    for tile in tiles:
        yield _Part(image if tile == whole else image.crop(tile), query, source, size, tiles)
