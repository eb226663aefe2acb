"""Foils: names of what no picture shows, to learn and to test that a model refuses wrong words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glip_pl.errors import UserError, some
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.names_file import read_names
from glip_pl.prompts.prompt_from_text import Wording, wordings_of

NONSENSE = "nonsense"
"""The setting that stands for made-up words."""

NONSENSE_WORDS = 16
"""Number of words that NONSENSE stands for."""

ONSETS = ("b", "bl", "d", "dr", "f", "fl", "g", "gr", "k", "m", "n", "p", "sn", "t", "v", "w", "z")
VOWELS = ("a", "e", "i", "o", "u")
CODAS = ("", "b", "ck", "g", "m", "n", "p", "sk", "x")


def nonsense_words(count: int, seed: int = 0) -> list[str]:
    """Different made-up words of two syllables, the same ones for the same seed."""
    random = np.random.default_rng(seed)
    words: dict[str, None] = {}
    while len(words) < count:
        parts = [str(random.choice(kind)) for kind in (ONSETS, VOWELS, CODAS, ONSETS, VOWELS)]
        words["".join(parts)] = None
    return list(words)


def read_foils(foils: str | Sequence[str], setting: str) -> list[str]:
    """The names of a list, of a file with a name per line, or NONSENSE_WORDS made-up words.

    Raises UserError, naming the `setting`, for a file that cannot be read or a name given twice.
    """
    if foils == NONSENSE:
        return nonsense_words(NONSENSE_WORDS)
    if isinstance(foils, str):
        names = read_names(Path(foils).expanduser(), setting)
    else:
        names = [str(name) for name in foils]
    spelled = [_spelling(name) for name in names]
    if not all(spelled):
        raise UserError(f"{setting} has a name without words: {some(names)}")
    repeated = sorted({name for name in spelled if spelled.count(name) > 1})
    if repeated:
        raise UserError(f"{setting} names {some(repeated)} more than once")
    return names


def foil_wordings(
    foils: str | Sequence[str], categories: Sequence[Wording], setting: str
) -> list[Wording]:
    """The wordings of foils for data whose prompts call their `categories` so.

    Raises UserError, naming the `setting`, if a foil is one of the categories; that it is no other
    word for one is up to the user. See also `read_foils`.
    """
    wordings = wordings_of(read_foils(foils, setting))
    known = {_spelling(wording.name) for wording in categories}
    present = [wording.name for wording in wordings if _spelling(wording.name) in known]
    if present:
        raise UserError(
            f"{setting} names {some(present)}, which the data show: a foil is a name of nothing in "
            "the pictures. Take it out of the list"
        )
    return wordings


def _spelling(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


@dataclass(frozen=True)
class FoilSampler:
    """Draws `most` foils at most, as further negatives, for a `share` of the training prompts.

    The number is uniform from 1 on. In a prompt they stand anywhere between the categories: a model
    would learn to refuse whatever stands last.
    """

    names: str | Sequence[str] | None = None  # as for `read_foils`; None: no foils
    most: int = 8
    share: float = 0.5

    def __post_init__(self) -> None:
        """Raises UserError for a number or a share that is none."""
        if self.most < 1 or not 0 <= self.share <= 1:
            raise UserError(
                f"most={self.most} foils for share={self.share} of the prompts: give 1 or more and "
                "a share from 0 to 1"
            )

    def __call__(
        self, lengths: Sequence[int], tokens_left: int, random: np.random.Generator
    ) -> list[int]:
        """Foils for a prompt, as many as fit; `lengths` are the tokens of every "name. "."""
        if not lengths or random.random() >= self.share:
            return []
        count = int(random.integers(1, min(self.most, len(lengths)) + 1))
        chosen = []
        for foil in random.choice(len(lengths), size=count, replace=False).tolist():
            tokens_left -= lengths[foil]
            if tokens_left < 0:
                break
            chosen.append(foil)
        return chosen


@dataclass(frozen=True)
class FoilQuestions:
    """How the phrases of prompts with foils are numbered, after those of the C categories alone.

    C to 2C - 1 are the categories beside the F foils; then come the foils beside the categories,
    and then the foils alone.
    """

    categories: int
    foils: int

    @property
    def names_beside(self) -> range:
        """The categories in prompts that they share with foils."""
        return range(self.categories, 2 * self.categories)

    @property
    def foils_beside(self) -> range:
        """The foils in prompts that they share with the categories."""
        return range(2 * self.categories, 2 * self.categories + self.foils)

    @property
    def foils_alone(self) -> range:
        """The foils in prompts of their own."""
        return range(self.foils_beside.stop, self.foils_beside.stop + self.foils)

    def vocabulary(
        self,
        wordings: Sequence[Wording],
        lengths: Sequence[int],
        size: int | None = None,
    ) -> list[Chunk]:
        """Prompts of the categories with the foils, and of the foils alone.

        `wordings` and `lengths` (tokens of each "name. ") are those of the categories, then of the
        foils; a prompt has at most `size` names.
        """
        return [
            replace(chunk, first=chunk.first + labels.start)
            for labels, start in ((self.names_beside, 0), (self.foils_alone, self.categories))
            for chunk in chunks(wordings[start:], lengths[start:], size)
        ]
