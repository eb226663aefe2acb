"""Ask a picture: text in, boxes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.data.collate import Collate
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import Question, detect_categories, read_questions
from glip_pl.inference.learned_prompt import LearnedPrompt
from glip_pl.models.glip import GLIP
from glip_pl.prompts.building import detection_prompt, text_prompt, wordings_of
from glip_pl.prompts.chunking import chunks
from glip_pl.prompts.tokens import Tokenizer, check_budget, load_tokenizer, name_lengths
from glip_pl.types import Batch, Detections, Prompt, Sample


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """More names than one prompt holds, as a model has read them."""

    prompt: Prompt  # of all names; phrase ids index its phrases
    questions: Sequence[Question]


class Predictor:
    """A model with its tokenizer and its input size; `Predictor.load(checkpoint)` makes one."""

    def __init__(
        self, model: GLIP, tokenizer: Tokenizer, transform: ResizeFlip, decoder: Decoder
    ) -> None:
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
        """From a checkpoint of this package, a converted file or a released one.

        `tokenizer` is a hub name or a folder, by default the checkpoint's own; `decoding` is as
        for `Decoder`.
        """
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"device={device} is not there: {error}") from error
        trained = load_trained(checkpoint)
        vocabulary = load_tokenizer(tokenizer or trained.config["tokenizer"])
        transform = ResizeFlip(**trained.config["eval_transform"])
        return cls(trained.model.to(device), vocabulary, transform, Decoder(**decoding))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def prompt(self, text: str) -> Prompt:
        """The phrases of a text. Raises UserError if there is none or they are too many."""
        prompt = text_prompt(text)
        check_budget(self.tokenizer, prompt)
        return prompt

    def learned(self, learned: LearnedPrompt) -> Vocabulary:
        """A prompt that was learned instead of written; the text encoder is not asked.

        Raises UserError if it was learned for another kind of model.
        """
        return Vocabulary(learned.prompt, [learned.question(self.model)])

    @torch.inference_mode()
    def vocabulary(self, names: Sequence[str]) -> Vocabulary:
        """Any number of names, read once for all pictures. Raises UserError if there is none."""
        if not names:
            raise UserError("the list of names is empty: there is nothing to look for")
        wordings = wordings_of(names)
        lengths = name_lengths(self.tokenizer, [one.text for one in wordings])
        asked = list(chunks(wordings, lengths))
        device = self.device
        questions = read_questions(self.model, self.tokenizer, asked, device)
        return Vocabulary(detection_prompt(wordings), questions)

    @torch.inference_mode()
    def __call__(self, image: Image.Image, text: str | Prompt | Vocabulary) -> Detections:
        """Boxes in pixels of `image`, best first; phrase ids index the prompt's phrases."""
        if isinstance(text, Vocabulary):
            batch = self.batch([image.convert("RGB")], [Prompt("", ())])
            (found,) = detect_categories(self.model, self.decoder, text.questions, batch)
            return found.best(self.decoder.max_detections).to("cpu")
        prompt = self.prompt(text) if isinstance(text, str) else text
        return self.ground(self.batch([image.convert("RGB")], [prompt]))[0]

    @torch.inference_mode()
    def ground(self, batch: Batch) -> list[Detections]:
        """What every picture of a batch holds of its own prompt, on the CPU."""
        output = self.model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        return [found.to("cpu") for found in self.decoder(output, batch)]

    def batch(self, images: Sequence[Image.Image], prompts: Sequence[Prompt]) -> Batch:
        """The model's input for RGB pictures and a prompt each."""
        samples = []
        for number, (image, prompt) in enumerate(zip(images, prompts, strict=True)):
            pixels, boxes = self.transform(image, torch.zeros(0, 4), prompt.caption)
            nothing = torch.zeros(0, dtype=torch.int64)
            size = (image.height, image.width)
            samples.append(Sample(pixels, boxes, nothing, prompt, number, size))
        return self.collate(samples).to(self.device)
