"""From category names or free text to the caption that the model reads (paper 3.1)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glip_pl.errors import UserError, some
from glip_pl.types import Phrase, Prompt

SEPARATOR = ". "
"""Between category names; the released models saw no separator after the last one."""


def clean_name(name: str) -> str:
    """A category name as the released models read it; deliberately not stripped.

    Everything from the first "(" to the last ")" goes, underscores become spaces, and each pair
    of spaces one, in one pass.
    """
    return re.sub(r"\(.*\)", "", name).replace("_", " ").replace("  ", " ")


@dataclass(frozen=True)
class Wording:
    """How a prompt speaks of one category: "stingray" + " which is flat and round".

    Boxes belong to the name; what stands around it only explains (paper 5.2, ODinW).
    """

    name: str
    prefix: str = ""
    suffix: str = ""

    @property
    def text(self) -> str:
        """All of it."""
        return self.prefix + self.name + self.suffix


def detection_prompt(wordings: Sequence[Wording]) -> Prompt:
    """One phrase per category, in order, joined by ". "."""
    phrases: list[Phrase] = []
    start = 0
    for one in wordings:
        first = start + len(one.prefix)
        phrases.append(((first, first + len(one.name)),))
        start += len(one.text) + len(SEPARATOR)
    return Prompt(SEPARATOR.join(one.text for one in wordings), tuple(phrases))


def wordings_of(names: Sequence[str]) -> list[Wording]:
    """Category names as datasets have them, in the words of the released models."""
    return [Wording(clean_name(name)) for name in names]


@dataclass(frozen=True)
class Rewording:
    """Other words for some categories, and what explains them (knowledge-augmented prompts).

    `words` replace names; the JSON file `descriptions` holds a text for some names, which follows
    the words: {"stingray": "which is flat and round"}.
    """

    words: Mapping[str, str] | None = None
    descriptions: str | Path | None = None

    def __call__(self, names: Sequence[str]) -> list[Wording]:
        """How prompts call each category.

        Raises UserError for words of no category, and for categories of one name.
        """
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(
                f"several categories are called {some(twice)}: a prompt cannot tell them apart. "
                "Give them one id in the annotations, or different names"
            )
        texts = self._descriptions()
        words = self.words or {}
        for given, setting in ((words, "data.prompts"), (texts, str(self.descriptions))):
            unknown = [name for name in given if name not in names]
            if unknown:
                raise UserError(
                    f"{setting} speaks of {some(unknown)}; the categories are {some(list(names))}"
                )
        return [
            Wording(
                clean_name(words.get(name, name)),
                suffix=f" {texts[name].strip()}" if name in texts else "",
            )
            for name in names
        ]

    def _descriptions(self) -> dict[str, str]:
        if self.descriptions is None:
            return {}
        path = Path(self.descriptions).expanduser()
        try:
            texts = json.loads(path.read_text(encoding="utf-8"))
            return {str(name): str(text) for name, text in texts.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise UserError(
                f'{path} must be a JSON file of the form {{"name": "text"}}: {error} (the setting '
                "`data.descriptions`)"
            ) from error


def worded(
    names: Sequence[str], given: Sequence[Wording] | Rewording | None, source: str
) -> list[Wording]:
    """How prompts call each category. Raises UserError if there is not one wording for each."""
    if given is None:
        return wordings_of(names)
    if isinstance(given, Rewording):
        return given(names)
    if len(given) != len(names):
        raise UserError(
            f"the setting `wordings` has {len(given)} entries and {source} {len(names)} categories"
        )
    return list(given)


def names_prompt(names: Sequence[str]) -> Prompt:
    """A detection prompt of category names as datasets have them."""
    return detection_prompt(wordings_of(names))


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
