"""A picture for each word that shows where the model finds it."""

from dataclasses import replace

from PIL import Image

from glip_pl.inference.explanation import Explanation

LONGEST_SIDE = 512
"""Pixels; the maps are coarse anyway."""

MOST_WORDS = 24
"""Words beyond are not drawn."""


def word_maps(explanation: Explanation) -> list[Image.Image]:
    """The heat map of every different word over the picture, in the order of the text."""
    small = explanation.result.image.copy()
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    source = replace(explanation.result.source, given=small)
    smaller = replace(explanation, result=replace(explanation.result, source=source))
    words = list(dict.fromkeys(word.casefold() for word in explanation.words))
    return [smaller.draw(word) for word in words[:MOST_WORDS]]
