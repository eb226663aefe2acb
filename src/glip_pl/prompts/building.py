"""From category names or free text to the caption that the model reads (paper 3.1)."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from glip_pl.errors import UserError, some
from glip_pl.types import Phrase, Prompt

log = logging.getLogger(__name__)

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

    `given` are the words of all categories, in order, `words` those of some. The file
    `descriptions` holds a text for some names, which follows the words: JSON or YAML of the form
    {"stingray": "which is flat and round"}, or a released knowledge file, of whose fields
    `knowledge` is taken (the first of several texts).
    """

    words: Mapping[str, str] | None = None
    descriptions: str | Path | None = None
    given: Sequence[Wording] | None = None
    knowledge: str = "def_wiki"

    def __call__(self, names: Sequence[str]) -> list[Wording]:
        """How prompts call each category.

        Raises UserError for words of no category, and for categories of one name. Warns of those
        that are one, or none, in a prompt.
        """
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(
                f"several categories are called {some(twice)}: a prompt cannot tell them apart. "
                "Give them one id in the annotations, or different names"
            )
        texts, general = self._descriptions()
        words = {str(name): str(word) for name, word in (self.words or {}).items()}  # 1, 2, ...
        asked = {"data.prompts": words, str(self.descriptions): {} if general else texts}
        for setting, these in asked.items():
            unknown = [name for name in these if name not in names]
            if unknown:
                raise UserError(
                    f"{setting} speaks of {some(unknown)}; the categories are {some(list(names))}"
                )
        found = []
        for name, one in zip(names, worded(names, self.given, "the data"), strict=True):
            word = clean_name(words[name]) if name in words else one.name
            suffix = texts.get(name, one.suffix)
            found.append(Wording(word, one.prefix, suffix))
        _warn_of_confusion(names, found)
        return found

    def _descriptions(self) -> tuple[dict[str, str], bool]:
        """What follows some names, and whether the file speaks of other data's names too."""
        if self.descriptions is None:
            return {}, False
        path = Path(self.descriptions).expanduser()
        try:
            read = json.loads if path.suffix == ".json" else yaml.safe_load
            content = read(path.read_text(encoding="utf-8"))
            general = any(isinstance(entry, Mapping) for entry in content.values())
            texts = {str(name): self._text(entry) for name, entry in content.items()}
        except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
            raise UserError(
                f'{path} must be a JSON or YAML file of the form {{"name": "text"}}, or a released '
                f"knowledge file: {error} (the setting `data.descriptions`)"
            ) from error
        return {name: text for name, text in texts.items() if text}, general

    def _text(self, entry: Any) -> str:
        """What follows a name. Raises ValueError for an entry without the field."""
        if not isinstance(entry, Mapping):
            return f" {str(entry).strip()}" if entry else ""
        if self.knowledge not in entry:
            raise ValueError(
                f"{dict(entry)} has no {self.knowledge!r} (the setting `data.knowledge`)"
            )
        found = entry[self.knowledge]
        first = found[0] if isinstance(found, list) and found else found
        return f": {str(first).strip().rstrip('.')}" if first else ""


def _warn_of_confusion(names: Sequence[str], found: Sequence[Wording]) -> None:
    """Tell which categories a prompt cannot tell apart, or has no word for."""
    by_text: dict[str, list[str]] = {}
    for name, one in zip(names, found, strict=True):
        by_text.setdefault(" ".join(one.text.casefold().split()), []).append(name)
    for text, same in by_text.items():
        if not text:
            log.warning("a prompt has no word for %s (a remedy: data.prompts)", some(same))
        elif len(same) > 1:
            log.warning(
                "a prompt calls %s alike, %r, and cannot tell them apart (a remedy: data.prompts)",
                some(same),
                text,
            )


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
