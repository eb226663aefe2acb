"""More categories than one prompt holds, as LVIS is evaluated: a prompt for each run of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from glip_pl.prompts.building import Wording, detection_prompt
from glip_pl.types import MAX_TOKENS, Prompt

LONGEST_NAME = MAX_TOKENS - 2 + 1
"""Tokens of all "name. " of a prompt: without special ones, with a full stop too many."""


@dataclass(frozen=True)
class Chunk:
    """A prompt for some of the categories."""

    first: int  # a phrase id of the prompt, added to this, is the category's index
    prompt: Prompt


def chunks(
    wordings: Sequence[Wording], lengths: Sequence[int], size: int | None = None
) -> Iterator[Chunk]:
    """Prompts of up to `size` categories, in order, and of as many tokens as the model reads.

    `lengths` are tokens of each "name. ". Officially LVIS is asked for 40 at a time, in 31 prompts
    of which the last is short. A name that is longer than a prompt gets one of its own, cut.
    """
    first, used = 0, 0
    for index, length in enumerate(lengths):
        full = used + length > LONGEST_NAME or (size is not None and index - first >= size)
        if full and index > first:
            yield Chunk(first, detection_prompt(wordings[first:index]))
            first, used = index, 0
        used += length
    if wordings:
        yield Chunk(first, detection_prompt(wordings[first:]))
