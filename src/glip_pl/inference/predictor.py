"""Detects what a text names in a picture, from Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.data.collate import Collate
from glip_pl.data.pixels import rgb
from glip_pl.data.transforms import ResizeFlip
from glip_pl.devices import chosen_device
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import Question, detect_categories, read_questions
from glip_pl.inference.learned_prompt import LearnedPrompt
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import chunks
from glip_pl.prompts.prompt_from_text import detection_prompt
from glip_pl.prompts.query import names_query, text_query
from glip_pl.prompts.tokens import Tokenizer, load_tokenizer, name_lengths
from glip_pl.types import Batch, Detections, Prompt, Sample


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Any number of names, or a learned prompt, as a model has encoded them."""

    prompt: Prompt  # of all names; the phrase ids of detections index its phrases
    questions: Sequence[Question]


class Predictor:
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
        device: str = "cpu",
        tokenizer: str | None = None,
        **decoding: Any,
    ) -> Self:
        """Build the predictor of a training checkpoint, a converted file or a released one.

        `tokenizer` is a name on the hub or a folder, by default the checkpoint's own; `decoding`
        are arguments of `Decoder`. Raises UserError if the device or a file cannot be used.
        """
        chosen = chosen_device(device)
        trained = load_trained(checkpoint)
        loaded = load_tokenizer(tokenizer or trained.config["tokenizer"])
        transform = ResizeFlip(**trained.config["eval_transform"])
        return cls(trained.model.to(chosen), loaded, transform, Decoder(**decoding))

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return next(self.model.parameters()).device

    def prompt(self, text: str) -> Prompt:
        """The prompt of a text. Raises UserError if it has no phrases, or too many tokens."""
        return text_query(text, self.tokenizer)

    def learned(self, learned: LearnedPrompt) -> Vocabulary:
        """A learned prompt, which replaces the text and needs no text encoder.

        Raises UserError if it was tuned for a model of another shape.
        """
        return Vocabulary(learned.prompt, [learned.question(self.model)])

    @torch.inference_mode()
    def vocabulary(self, names: Sequence[str]) -> Vocabulary:
        """Encode any number of names, once for all pictures; repeated names are left out.

        Raises UserError if there are none, or if one is empty or too long.
        """
        wordings = names_query(names, self.tokenizer)
        lengths = name_lengths(self.tokenizer, [wording.text for wording in wordings])
        prompts = list(chunks(wordings, lengths))
        questions = read_questions(self.model, self.tokenizer, prompts, self.device)
        return Vocabulary(detection_prompt(wordings), questions)

    @torch.inference_mode()
    def __call__(self, image: Image.Image, text: str | Prompt | Vocabulary) -> Detections:
        """Detections in a picture, in its pixels, best first.

        Their phrase ids index the phrases of the prompt. Raises UserError for pixel values of
        unknown range.
        """
        pixels = rgb(image, getattr(image, "filename", "") or "given to the predictor")
        if isinstance(text, Vocabulary):
            batch = self.batch([pixels], [Prompt("", ())])
            (detections,) = detect_categories(self.model, self.decoder, text.questions, batch)
            return detections.best(self.decoder.max_detections).to("cpu")
        prompt = self.prompt(text) if isinstance(text, str) else text
        return self.ground(self.batch([pixels], [prompt]))[0]

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
