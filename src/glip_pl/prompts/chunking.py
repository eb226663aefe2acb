"""Divides categories among several prompts if one is too short for all, as for LVIS."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from glip_pl.prompts.prompt_from_text import Wording, detection_prompt
from glip_pl.types import MAX_TOKENS, Prompt

NAME_TOKENS = MAX_TOKENS - 2 + 1
"""Tokens that all "name. " of a prompt may have together.

The two special tokens are left out; the full stop after the last name is counted but not written.
"""


@dataclass(frozen=True)
class Chunk:
    """A prompt for some consecutive categories."""

    first: int  # index of its first category; phrase i of the prompt is category first + i
    prompt: Prompt


def chunks(
    wordings: Sequence[Wording], lengths: Sequence[int], size: int | None = None
) -> Iterator[Chunk]:
    """Prompts with all categories in order, each at most `size` and as many as the model reads.

    `lengths` are the tokens of each "name. ". The official GLIP code evaluates LVIS with 40
    categories at a time, in 31 prompts of which the last has three. A name that is longer than a
    prompt gets a prompt to itself, which the tokeniser cuts.
    """
    first, used = 0, 0
    for index, length in enumerate(lengths):
        full = used + length > NAME_TOKENS or (size is not None and index - first >= size)
        if full and index > first:
            yield Chunk(first, detection_prompt(wordings[first:index]))
            first, used = index, 0
        used += length
    if wordings:
        yield Chunk(first, detection_prompt(wordings[first:]))
