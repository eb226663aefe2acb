"""From category names or free text to the caption that the model reads (paper 3.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from glip_pl.errors import UserError
from glip_pl.spans import Phrase
from glip_pl.types import Prompt

SEPARATOR = ". "
"""Text between two category names; as in the released models, none follows the last name."""

FULL_STOPS = ".。"
"""Characters that end a phrase of a typed text: the Latin full stop and the East Asian one."""


def clean_name(name: str) -> str:
    """A category name as the released models read it; deliberately not stripped.

    The text from the first "(" to the last ")" is removed, underscores become spaces, and then
    each pair of spaces becomes a single space, in one pass.
    """
    return re.sub(r"\(.*\)", "", name).replace("_", " ").replace("  ", " ")


@dataclass(frozen=True)
class Wording:
    """The words for a category in a prompt, such as "stingray" + " which is flat and round".

    Boxes belong to the name; prefix and suffix only explain it (paper 5.2, ODinW).
    """

    name: str
    prefix: str = ""
    suffix: str = ""

    @property
    def text(self) -> str:
        """Prefix, name and suffix."""
        return self.prefix + self.name + self.suffix


def wordings_of(names: Sequence[str]) -> list[Wording]:
    """Wordings of category names as datasets have them, without explanations."""
    return [Wording(clean_name(name)) for name in names]


def detection_prompt(wordings: Sequence[Wording]) -> Prompt:
    """All categories in order, joined by ". ", with a phrase for each name."""
    phrases: list[Phrase] = []
    start = 0
    for wording in wordings:
        first = start + len(wording.prefix)
        phrases.append(((first, first + len(wording.name)),))
        start += len(wording.text) + len(SEPARATOR)
    return Prompt(SEPARATOR.join(wording.text for wording in wordings), tuple(phrases))


def names_prompt(names: Sequence[str]) -> Prompt:
    """A detection prompt of category names as datasets have them."""
    return detection_prompt(wordings_of(names))


def text_prompt(text: str) -> Prompt:
    """A prompt of a text that a user types; full stops separate its phrases.

    Underscores become spaces, as in names. Raises UserError if it has no phrase.
    """
    text = text.replace("_", " ")
    phrases: list[Phrase] = []
    for match in re.finditer(f"[^{FULL_STOPS}]+", text):
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
