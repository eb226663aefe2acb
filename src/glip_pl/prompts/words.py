"""The whole words of a prompt and the tokens of each: a tokenizer cuts rare words into pieces."""

import re

import torch
from torch import Tensor

from glip_pl.prompts.tokens import Tokenizer, tokenize
from glip_pl.types import Prompt

WORD = re.compile(r"[^\s.。,;:!?()\"]+")
"""Characters between spaces and punctuation; hyphens and apostrophes belong to a word."""


def prompt_words(prompt: Prompt, tokenizer: Tokenizer) -> tuple[list[str], Tensor]:
    """The words (W) of a prompt in order, and the tokens of each, (W, T) bool.

    A word that occurs twice is listed twice. Words that the model does not read are left out.
    """
    spans = [match.span() for match in WORD.finditer(prompt.caption)]
    words = [prompt.caption[start:end] for start, end in spans]
    _, _, (masks,) = tokenize(tokenizer, [Prompt(prompt.caption, tuple((one,) for one in spans))])
    read: Tensor = masks.any(1) if len(words) else torch.zeros(0, dtype=torch.bool)
    return [words[row] for row in read.nonzero()[:, 0].tolist()], masks[read]
