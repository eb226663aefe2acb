"""The words by which prompts call categories, if these are not the names in the annotations."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glip_pl.errors import UserError, some
from glip_pl.prompts.descriptions import Descriptions, read_descriptions
from glip_pl.prompts.prompt_from_text import Wording, clean_name, wordings_of

log = logging.getLogger(__name__)


Reworder = Callable[[Sequence[str]], list[Wording]]
"""Gives the wordings of categories, by their names: a Rewording, or a prompt kit's."""


@dataclass(frozen=True)
class Rewording:
    """Other words for some categories, and explanations of them.

    `words` maps names of some categories to other words. `given` are the wordings of all
    categories, in order; by default they are the names. The file `descriptions` holds texts that
    explain some names; of a released knowledge file the field `knowledge` is read.
    """

    words: Mapping[str, str] | None = None
    descriptions: str | Path | None = None
    given: Sequence[Wording] | None = None
    knowledge: str = "def_wiki"

    def __call__(self, names: Sequence[str]) -> list[Wording]:
        """The wording of each category.

        Raises UserError if two categories have one name, or if a name in the settings is no
        category. Warns of categories that a prompt cannot tell apart or has no word for.
        """
        _check_distinct(names)
        descriptions = Descriptions({}, general=False)
        if self.descriptions is not None:
            descriptions = read_descriptions(Path(self.descriptions), self.knowledge)
        words = {str(name): str(word) for name, word in (self.words or {}).items()}  # 1, 2, ...
        _check_known("data.prompts", words, names)
        if not descriptions.general:
            _check_known(str(self.descriptions), descriptions.texts, names)
        wordings = []
        for name, wording in zip(
            names, choose_wordings(names, self.given, "the data"), strict=True
        ):
            word = clean_name(words[name]) if name in words else wording.name
            suffix = descriptions.texts.get(name, wording.suffix)
            wordings.append(Wording(word, wording.prefix, suffix))
        _warn_of_confusion(names, wordings)
        return wordings


def choose_wordings(
    names: Sequence[str], wordings: Sequence[Wording] | Reworder | None, source: str
) -> list[Wording]:
    """The wording of each category by the setting `wordings`; by default the names themselves.

    Raises UserError if a list of wordings has not one for each of the `source`'s categories.
    """
    if wordings is None:
        return wordings_of(names)
    if callable(wordings):
        return wordings(names)
    if len(wordings) != len(names):
        raise UserError(
            f"the setting `wordings` has {len(wordings)} entries and {source} {len(names)} "
            "categories"
        )
    return list(wordings)


def _check_distinct(names: Sequence[str]) -> None:
    """Raise UserError if several categories have the same name."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(
            f"several categories are called {some(repeated)}: a prompt cannot tell them apart. "
            "Give them one id in the annotations, or different names"
        )


def _check_known(setting: str, keys: Iterable[str], names: Sequence[str]) -> None:
    """Raise UserError if a key of a setting is not the name of a category."""
    unknown = [key for key in keys if key not in names]
    if unknown:
        raise UserError(
            f"{setting} has words for {some(unknown)}, but the categories are {some(list(names))}"
        )


def _warn_of_confusion(names: Sequence[str], wordings: Sequence[Wording]) -> None:
    """Warn of categories whose texts are equal but for case and spaces, or empty."""
    by_text: dict[str, list[str]] = {}
    for name, wording in zip(names, wordings, strict=True):
        by_text.setdefault(" ".join(wording.text.casefold().split()), []).append(name)
    for text, same in by_text.items():
        if not text:
            log.warning("a prompt has no word for %s (a remedy: data.prompts)", some(same))
        elif len(same) > 1:
            log.warning(
                "a prompt calls %s alike, %r, and cannot tell them apart (a remedy: data.prompts)",
                some(same),
                text,
            )
