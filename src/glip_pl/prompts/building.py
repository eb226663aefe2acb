"""From category names or free text to the caption that the model reads (paper 3.1)."""

import re
from collections.abc import Sequence

from glip_pl.errors import UserError
from glip_pl.types import Phrase, Prompt

SEPARATOR = ". "
"""Between category names; the released models saw no separator after the last one."""


def clean_name(name: str) -> str:
    """A category name as the released models read it; deliberately not stripped.

    Everything from the first "(" to the last ")" goes, underscores become spaces, and each pair
    of spaces one, in one pass.
    """
    return re.sub(r"\(.*\)", "", name).replace("_", " ").replace("  ", " ")


def detection_prompt(names: Sequence[str]) -> Prompt:
    """One phrase per category name, in order, joined by ". "."""
    phrases: list[Phrase] = []
    pieces: list[str] = []
    start = 0
    for name in names:
        piece = clean_name(name)
        phrases.append(((start, start + len(piece)),))
        pieces.append(piece)
        start += len(piece) + len(SEPARATOR)
    return Prompt(SEPARATOR.join(pieces), tuple(phrases))


def text_prompt(text: str) -> Prompt:
    """A prompt from what a person types: the parts between full stops are the phrases.

    Raises UserError if nothing is left to look for.
    """
    phrases: list[Phrase] = []
    for match in re.finditer(r"[^.]+", text):
        piece = match.group()
        start = match.start() + len(piece) - len(piece.lstrip())
        end = match.end() - (len(piece) - len(piece.rstrip()))
        if start < end:
            phrases.append(((start, end),))
    if not phrases:
        raise UserError(
            f"the prompt {text!r} names nothing to look for; "
            'write phrases with full stops between them: text="a red star. two blue rings"'
        )
    return Prompt(text, tuple(phrases))
