"""Prompts in which some phrases are shown by examples: a neutral word holds the place of each."""

from collections.abc import Collection

from glip_pl.spans import Phrase
from glip_pl.types import Prompt

PLACEHOLDER = "object"
"""The word, whose features are replaced: the names must not be read, neither here nor by others."""


def replaceable(prompt: Prompt) -> list[int]:
    """Phrases that a placeholder can replace: one piece of text that no other phrase shares."""
    spans = sorted(
        (start, end, index)
        for index, phrase in enumerate(prompt.phrases)
        for start, end in phrase
        if start < end
    )
    lapped = set()
    furthest, owner = -1, -1
    for start, end, index in spans:
        if start < furthest:
            lapped |= {index, owner}
        if end > furthest:
            furthest, owner = end, index
    return [
        index
        for index, phrase in enumerate(prompt.phrases)
        if len(phrase) == 1 and phrase[0][0] < phrase[0][1] and index not in lapped
    ]


def with_placeholders(prompt: Prompt, chosen: Collection[int]) -> Prompt:
    """The prompt with PLACEHOLDER as the text of the `chosen` phrases, which are replaceable."""
    spans = sorted(prompt.phrases[index][0] for index in chosen)
    pieces, position = [], 0
    for start, end in spans:
        pieces += [prompt.caption[position:start], PLACEHOLDER]
        position = end
    caption = "".join([*pieces, prompt.caption[position:]])

    def moved(place: int) -> int:
        """Where a character position that lies in no replaced span is in the new caption."""
        return place + sum(len(PLACEHOLDER) - (end - start) for start, end in spans if end <= place)

    phrases: list[Phrase] = []
    for index, phrase in enumerate(prompt.phrases):
        if index in chosen:
            first = moved(phrase[0][0])
            phrases.append(((first, first + len(PLACEHOLDER)),))
        else:
            phrases.append(tuple((moved(start), moved(end)) for start, end in phrase))
    return Prompt(caption, tuple(phrases))
