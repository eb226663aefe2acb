"""Checks what a user wants to detect, typed as a text or given as a list of names."""

import logging
import re
from collections.abc import Sequence
from functools import lru_cache

from glip_pl.errors import UserError, some
from glip_pl.prompts.chunking import NAME_TOKENS
from glip_pl.prompts.prompt_from_text import (
    SEPARATOR,
    Wording,
    clean_name,
    text_prompt,
)
from glip_pl.prompts.tokens import Tokenizer, check_budget, name_lengths, unknown_names
from glip_pl.types import Prompt

log = logging.getLogger(__name__)

ABBREVIATIONS = frozenset({"approx", "dr", "ft", "inc", "jr", "ltd", "mr", "mrs", "mt", "sr", "st"})
"""Common abbreviations whose full stop does not end a phrase for a reader."""

INNER_DOT = re.compile(r"\w\.\w")
"""A full stop inside a word or number."""


def text_query(text: str, tokenizer: Tokenizer) -> Prompt:
    """The prompt of a text that a user types, each phrase once.

    Warns of phrases that the model cannot read well. Raises UserError if there is no phrase, or if
    there are too many tokens.
    """
    prompt = text_prompt(text)
    phrases = [prompt.phrase_text(index) for index in range(len(prompt.phrases))]
    _warn_of_split_words(text, phrases)
    distinct = [phrases[position] for position in _first_positions(phrases)]
    if len(distinct) < len(phrases):
        prompt = text_prompt(SEPARATOR.join(distinct))
    check_budget(tokenizer, prompt)
    _warn_of_unknown(tokenizer, distinct)
    return prompt


def names_query(names: Sequence[str], tokenizer: Tokenizer) -> tuple[list[Wording], list[int]]:
    """The wordings of names that a user lists, each once, and the first index of each.

    Warns of names that the model cannot read well. Raises UserError if there are none, or if one
    has no words or more than a prompt holds.
    """
    if not names:
        raise UserError("the list of names is empty: give at least one name")
    cleaned = [clean_name(name) for name in names]
    empty = [repr(name) for name, text in zip(names, cleaned, strict=True) if not text.strip()]
    if empty:
        raise UserError(
            f"no words are left of {some(empty)}: text in parentheses is not part of a name. Write "
            "the words without parentheses (setting `names`)"
        )
    positions = _first_positions(cleaned)
    distinct = [cleaned[position] for position in positions]
    lengths = name_lengths(tokenizer, distinct)
    long = [
        f"{name[:40]!r}... ({length} tokens)"
        for name, length in zip(distinct, lengths, strict=True)
        if length > NAME_TOKENS
    ]
    if long:
        raise UserError(
            f"a prompt holds {NAME_TOKENS} tokens, too few for {some(long)}: shorten these names "
            "(setting `names`)"
        )
    _warn_of_unknown(tokenizer, distinct)
    return [Wording(name) for name in distinct], positions


def _first_positions(phrases: Sequence[str]) -> list[int]:
    """Where each phrase stands first; a warning names those that are repeated."""
    first: dict[str, int] = {}
    repeated: list[str] = []
    for position, phrase in enumerate(phrases):
        key = " ".join(phrase.casefold().split())
        if key in first:
            repeated.append(repr(phrase))
        first.setdefault(key, position)
    if repeated:
        _warn(f"named more than once and searched for once: {some(repeated)}")
    return list(first.values())


def _warn_of_split_words(text: str, phrases: Sequence[str]) -> None:
    """Warn of full stops that probably belong to a word."""
    abbreviated = any(
        phrase.casefold() in ABBREVIATIONS
        or (len(phrase) == 1 and phrase.isascii() and phrase.isalpha())
        for phrase in phrases
    )
    if abbreviated or INNER_DOT.search(text):
        shown = ", ".join(map(repr, phrases))
        _warn(
            f"full stops separate phrases, so the text is read as {shown}. If a full stop belongs "
            "to a word, use names=<file with a name per line> instead of text"
        )


def _warn_of_unknown(tokenizer: Tokenizer, phrases: Sequence[str]) -> None:
    """Warn of phrases with a part that the tokenizer's vocabulary does not know."""
    unknown = unknown_names(tokenizer, phrases)
    if unknown:
        _warn(
            f"the text encoder's vocabulary does not know all of {some(unknown)}: the model cannot "
            "tell such phrases apart well. Use other words"
        )


@lru_cache(maxsize=1000)
def _warn(message: str) -> None:
    """Log a warning, once for all pictures that are searched for the same phrases."""
    log.warning("%s", message)
