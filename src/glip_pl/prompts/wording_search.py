"""Searches the words for each category, one category at a time, by a score of whole prompts."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from glip_pl.errors import UserError, some
from glip_pl.files.reading import read_json
from glip_pl.files.small_yaml import read_small_yaml
from glip_pl.prompts.prompt_from_text import Wording, clean_name

Score = Callable[[Sequence[Wording], int], float]
"""How good the words of all categories are for one of them; more is better."""

PLACE = "{}"
"""Where a template has the words."""


@dataclass(frozen=True)
class Trial:
    """A wording of a category, all others fixed, and its score."""

    category: int
    wording: Wording
    score: float


@dataclass(frozen=True)
class Choices:
    """What may be tried for the categories."""

    synonyms: Mapping[str, Sequence[str]]  # other words, by name
    templates: Sequence[str]  # texts around the words, such as "a photo of a {}"
    descriptions: Mapping[str, str]  # texts that follow the words, by name
    gain: float = 0.0  # by how much more than the best so far a wording must score

    def check(self, names: Sequence[str]) -> None:
        """Raise UserError for names that are no category, and templates without a place."""
        unknown = [name for name in (*self.synonyms, *self.descriptions) if name not in names]
        if unknown:
            raise UserError(
                f"there are words for {some(unknown)}, but the categories are {some(list(names))} "
                "(the settings `synonyms` and `descriptions`)"
            )
        wrong = [template for template in self.templates if template.count(PLACE) != 1]
        if wrong:
            raise UserError(f"templates={some(wrong)} must have {PLACE} once, for the words")

    def steps(self, name: str) -> Iterator[Callable[[Wording], list[Wording]]]:
        """What is tried of a category, given the best wording so far: words, templates, text."""
        words = [clean_name(word) for word in self.synonyms.get(name, ())]
        yield lambda best: [replace(best, name=word) for word in words]
        parts = [template.split(PLACE) for template in self.templates]
        yield lambda best: [replace(best, prefix=before, suffix=after) for before, after in parts]
        text = self.descriptions.get(name)
        yield lambda best: [] if not text else [replace(best, suffix=f"{best.suffix} {text}")]


@dataclass
class Memory:
    """Scores on disk, so that the same search continues where it was interrupted."""

    path: Path
    known: dict[str, float] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> "Memory":
        """The scores of a file, whose last line may be incomplete."""
        known: dict[str, float] = {}
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        for line in lines:
            try:
                key, score = json.loads(line)
                known[str(key)] = float(score)
            except (ValueError, TypeError):
                continue
        return cls(path, known)

    def __call__(self, score: Score) -> Score:
        """The same score, computed once for each prompt and category."""

        def remembered(wordings: Sequence[Wording], category: int) -> float:
            parts = [[wording.prefix, wording.name, wording.suffix] for wording in wordings]
            key = json.dumps([category, parts])
            if key not in self.known:
                self.known[key] = score(wordings, category)
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([key, self.known[key]]) + "\n")
            return self.known[key]

        return remembered


def search_wordings(
    names: Sequence[str], first: Sequence[Wording], choices: Choices, score: Score
) -> tuple[list[Wording], list[Trial]]:
    """The best wording of each category, and all that were tried.

    A category is searched with the words of all others fixed, those before it at their best ones:
    its words, then templates around the best words, then its description. Of equally good wordings
    the one that came first stays, which is that of `first` if it is among them, and another must be
    better by `choices.gain`. Words that another category has are not tried.
    """
    wordings, trials = list(first), []
    for category, name in enumerate(names):

        def scored(wording: Wording, category: int = category) -> Trial:
            tried = [*wordings[:category], wording, *wordings[category + 1 :]]
            trials.append(Trial(category, wording, score(tried, category)))
            return trials[-1]

        best = scored(wordings[category])
        for step in choices.steps(name):
            for trial in map(scored, _new(step(best.wording), wordings)):
                best = trial if trial.score > best.score + choices.gain else best
            wordings[category] = best.wording
    return wordings, trials


def _new(candidates: Iterable[Wording], taken: Sequence[Wording]) -> list[Wording]:
    """The wordings whose text no category has, each once."""
    texts = {_spelling(wording) for wording in taken}
    found: dict[str, Wording] = {}
    for wording in candidates:
        if wording.name.strip() and _spelling(wording) not in texts:
            found.setdefault(_spelling(wording), wording)
    return list(found.values())


def _spelling(wording: Wording) -> str:
    """A wording without what a prompt cannot tell apart."""
    return " ".join(wording.text.casefold().split())


def read_synonyms(given: Mapping[str, Any] | str | None) -> dict[str, list[str]]:
    """Other words by name, from the settings or a JSON or YAML file {"name": ["word", ...]}.

    Raises UserError if they have another form.
    """
    content: Any = given or {}
    if isinstance(given, str):
        path = Path(given).expanduser()
        try:
            content = read_json(path) if path.suffix == ".json" else read_small_yaml(path)
        except (OSError, ValueError) as error:
            raise UserError(f"synonyms={given}: cannot read the file: {error}") from error
    form = 'synonyms must be of the form {"name": ["word", "word"]}'
    if not isinstance(content, Mapping):
        raise UserError(form)
    words = {
        str(name): [value] if isinstance(value, str) else value for name, value in content.items()
    }
    for name, values in words.items():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise UserError(f"{form}; {name!r} has {values!r:.80}")
    return words
