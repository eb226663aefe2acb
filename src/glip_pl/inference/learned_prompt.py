"""A learned prompt in a small file: what the model reads instead of a text (paper 5.2)."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from glip_pl.checkpoints.reading import PROMPTS
from glip_pl.checkpoints.writing import write_tensors
from glip_pl.errors import UserError
from glip_pl.inference.large_vocabulary import Question
from glip_pl.models.glip import GLIP
from glip_pl.types import Prompt, TextFeatures

log = logging.getLogger(__name__)

KEY = "glip_pl_prompt"


@dataclass(frozen=True, eq=False)
class LearnedPrompt:
    """Encoded words and what stands for them in later layers; no text encoder is needed."""

    prompt: Prompt
    hidden: Tensor  # (T, C) float32
    phrase_masks: Tensor  # (P, T) bool
    deeper: Tensor  # (D, T, C) float32, what the second and later fusions read in addition
    reader: str  # fingerprint of the model that it was tuned from

    def question(self, model: GLIP) -> Question:
        """What to ask the model. Raises UserError if it was learned for another kind of model.

        Warns if it was learned for other weights.
        """
        device = next(model.parameters()).device
        if self.hidden.shape[1] != model.text_encoder.dim:
            raise UserError(
                f"the learned prompt has {self.hidden.shape[1]} numbers a word, this model "
                f"{model.text_encoder.dim}: it was learned for another one"
            )
        if len(self.deeper) >= model.readings:
            raise UserError(
                f"the learned prompt is for {1 + len(self.deeper)} readings of the words, this "
                f"model reads them {model.readings} times: it was learned for another one"
            )
        if self.reader != fingerprint(model):
            log.warning(
                "the learned prompt for %r was tuned from a model with other weights; this one may "
                "find little by it",
                self.prompt.caption,
            )
        mask = torch.ones(1, len(self.hidden), dtype=torch.bool, device=device)
        later = [rows[None].to(device) for rows in self.deeper]
        text = TextFeatures(self.hidden[None].to(device), mask, later)
        return Question(0, text, self.phrase_masks.to(device))

    def write(self, path: Path) -> None:
        """Save it whole or not at all."""
        about = {
            "caption": self.prompt.caption,
            "phrases": self.prompt.phrases,
            "reader": self.reader,
        }
        tensors = {
            "hidden": self.hidden,
            "phrase_masks": self.phrase_masks,
            "deeper": self.deeper,
        }
        write_tensors(tensors, {KEY: json.dumps(about)}, path)


def learned_prompt(prompt: Prompt, question: Question, model: GLIP) -> LearnedPrompt:
    """What a prompt-tuned model has learned for a prompt, as it reads it."""
    (hidden,), later = question.text.hidden, question.text.deeper
    return LearnedPrompt(
        prompt,
        hidden.cpu(),
        question.phrase_masks.cpu(),
        (torch.cat(later) if later else hidden.new_zeros(0, *hidden.shape)).cpu(),
        fingerprint(model),
    )


def fingerprint(model: GLIP) -> str:
    """Of all weights that read a learned prompt: not the text encoder's, nor what was learned."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if not name.startswith(("text_encoder.", PROMPTS)):
            digest.update(name.encode())
            digest.update(value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def read_prompt(path: Path) -> LearnedPrompt:
    """Open a file that `write` made. Raises UserError if it is none."""
    if not path.is_file():
        raise UserError(f"no such file: {path} (the setting `prompt`)")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[KEY])
        tensors = load_file(path)
        phrases = tuple(
            tuple((int(start), int(end)) for start, end in phrase) for phrase in about["phrases"]
        )
        read = LearnedPrompt(
            Prompt(str(about["caption"]), phrases), **tensors, reader=about["reader"]
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no learned prompt: {error}") from error
    length = len(read.hidden)
    if read.phrase_masks.shape != (len(phrases), length) or read.deeper.shape[1:2] != (length,):
        raise UserError(f"{path} is no learned prompt: its parts do not fit each other")
    return read
