"""A learned prompt in a small file, which replaces the encoded text (prompt tuning, paper 5.2)."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from glip_pl.checkpoints.file_kinds import check_header, file_kind, parsed_settings
from glip_pl.checkpoints.reading import PROMPTS
from glip_pl.checkpoints.weights import non_finite
from glip_pl.checkpoints.writing import write_tensors
from glip_pl.errors import UserError, first_line, some
from glip_pl.inference.large_vocabulary import Question, read_questions
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import MAX_TOKENS, Prompt, TextFeatures

log = logging.getLogger(__name__)

KEY = "glip_pl_prompt"
"""Key of the file's metadata that holds the prompt as JSON."""


@dataclass(frozen=True, eq=False)
class LearnedPrompt:
    """The encoded tokens of a prompt after prompt tuning; no text encoder is needed to use it."""

    prompt: Prompt
    hidden: Tensor  # (T, C) float32
    phrase_masks: Tensor  # (P, T) bool
    deeper: Tensor  # (D, T, C) float32, additions before the second and later fusions
    model_fingerprint: str  # of the model that it was tuned for

    def question(self, model: GLIP) -> Question:
        """The prompt as `detect_categories` takes it.

        Raises UserError if it was tuned for a model of another shape; logs a warning if the weights
        differ.
        """
        device = next(model.parameters()).device
        if self.hidden.shape[1] != model.text_encoder.dim:
            raise UserError(
                f"the learned prompt has {self.hidden.shape[1]} features per token, but this model "
                f"has {model.text_encoder.dim}: it was tuned for another model"
            )
        if len(self.deeper) >= model.readings:
            raise UserError(
                f"the learned prompt changes the tokens {1 + len(self.deeper)} times, but this "
                f"model reads them {model.readings} times: it was tuned for another model"
            )
        if self.model_fingerprint != fingerprint(model):
            log.warning(
                "the learned prompt for %r was tuned for a model with other weights: this one may "
                "detect little with it",
                self.prompt.caption,
            )
        mask = torch.ones(1, len(self.hidden), dtype=torch.bool, device=device)
        deeper = [words[None].to(device) for words in self.deeper]
        text = TextFeatures(self.hidden[None].to(device), mask, deeper)
        return Question(0, text, self.phrase_masks.to(device))

    def write(self, path: Path) -> None:
        """Write the prompt to a file, whole or not at all."""
        metadata = {
            "caption": self.prompt.caption,
            "phrases": self.prompt.phrases,
            "reader": self.model_fingerprint,
        }
        tensors = {
            "hidden": self.hidden,
            "phrase_masks": self.phrase_masks,
            "deeper": self.deeper,
        }
        write_tensors(tensors, {KEY: json.dumps(metadata)}, path)


def learned_prompt(prompt: Prompt, question: Question, model: GLIP) -> LearnedPrompt:
    """The learned prompt of a tuned model; `question` is `prompt` as this model encodes it."""
    (hidden,), deeper = question.text.hidden, question.text.deeper
    return LearnedPrompt(
        prompt,
        hidden.cpu(),
        question.phrase_masks.cpu(),
        (torch.cat(deeper) if deeper else hidden.new_zeros(0, *hidden.shape)).cpu(),
        fingerprint(model),
    )


def export_prompt(model: GLIP, tokenizer: Tokenizer, chunk: Chunk, path: Path) -> None:
    """Encode a prompt with what the model has learned to add to it, and write it to `path`."""
    model.eval()  # without dropout
    device = next(model.parameters()).device
    with torch.no_grad():
        (question,) = read_questions(model, tokenizer, [chunk], device)
    learned_prompt(chunk.prompt, question, model).write(path)
    numbers = sum(weights.numel() for weights in model.prompts.parameters())
    share = numbers / sum(weights.numel() for weights in model.parameters())
    print(f"learned prompt: {path} ({numbers:,} numbers, {share:.3%} of the model)")


def fingerprint(model: GLIP) -> str:
    """Hash of all weights that a learned prompt depends on: all but text encoder and prompt."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if not name.startswith(("text_encoder.", PROMPTS)):
            digest.update(name.encode())
            digest.update(value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def read_prompt(path: Path) -> LearnedPrompt:
    """Read a file that `LearnedPrompt.write` wrote; NaN and infinite values give a warning.

    Raises UserError if it is something else.
    """
    if not path.exists():
        raise UserError(f"no such file: {path} (the setting `prompt`)")
    try:
        check_header(path)
        with safe_open(path, framework="pt") as file:
            metadata = parsed_settings((file.metadata() or {})[KEY])
        tensors = _in_single_precision(load_file(path))
        phrases = tuple(
            tuple((int(start), int(end)) for start, end in phrase) for phrase in metadata["phrases"]
        )
        prompt = Prompt(str(metadata["caption"]), phrases)
        learned = LearnedPrompt(prompt, **tensors, model_fingerprint=str(metadata["reader"]))
    except (SafetensorError, KeyError, TypeError, ValueError, OSError, OverflowError) as error:
        kind = file_kind(path)
        why = f"it is {kind}" if kind else f"{type(error).__name__}: {first_line(error)}"
        raise UserError(f"{path} is no learned prompt (the setting `prompt`): {why}") from error
    _check_fit(learned, path)
    names = non_finite(tensors)
    if names:
        log.warning(
            "%s has values that are NaN or infinite (%s), so that its detections are meaningless: "
            "the training that wrote it has diverged",
            path,
            some(names),
        )
    return learned


def _in_single_precision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in the type of a model's weights."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }


def _check_fit(learned: LearnedPrompt, path: Path) -> None:
    """Raise UserError unless tensors, phrases and caption fit each other."""
    prompt, hidden, deeper = learned.prompt, learned.hidden, learned.deeper
    length = len(prompt.caption)
    fits = (
        hidden.dim() == 2
        and 1 <= len(hidden) <= MAX_TOKENS
        and deeper.dim() == 3
        and deeper.shape[1:] == hidden.shape
        and hidden.dtype == deeper.dtype == torch.float32
        and learned.phrase_masks.shape == (len(prompt.phrases), len(hidden))
        and learned.phrase_masks.dtype == torch.bool
    )
    if not fits:
        raise UserError(f"{path} is no learned prompt: its tensors do not fit each other")
    if not all(0 <= start <= end <= length for phrase in prompt.phrases for start, end in phrase):
        raise UserError(f"{path} is no learned prompt: a phrase lies outside of its caption")
