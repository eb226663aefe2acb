"""Random scenes, and sentences that are true of them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from glip_pl.data.shapes.painting import Thing, ground, mask, paint
from glip_pl.data.shapes.vocabulary import COLOURS, NUMBERS, SHAPES, SIZES, TEXTURES, UNSEEN
from glip_pl.types import Span

RADII = {"small": (0.075, 0.10), "large": (0.15, 0.20)}
"""Range of a thing's radius, as a part of the picture's side."""

Pair = tuple[str, str]
"""A colour and a shape."""

SEEN: tuple[Pair, ...] = tuple(
    (colour, shape) for colour in COLOURS for shape in SHAPES if (colour, shape) not in UNSEEN
)


def scene(
    side: int, pairs: Sequence[Pair], random: np.random.Generator
) -> tuple[Image.Image, list[Thing]]:
    """A square picture with a thing for every pair that finds room, none touching another."""
    picture = ground(side, random)
    things: list[Thing] = []
    for colour, shape in pairs:
        size = SIZES[int(random.integers(len(SIZES)))]
        texture = TEXTURES[int(random.integers(len(TEXTURES)))]
        radius = random.uniform(*RADII[size]) * side
        coverage = mask(shape, radius, random.uniform(-0.25, 0.25))
        box = _place(coverage.size, [thing.box for thing in things], side, random)
        if box is None:
            continue
        paint(picture, coverage, box[:2], colour, texture, random)
        things.append(Thing(shape, colour, texture, size, box))
    return picture, things


def _place(
    size: tuple[int, int],
    taken: list[tuple[int, int, int, int]],
    side: int,
    random: np.random.Generator,
) -> tuple[int, int, int, int] | None:
    width, height = size
    for _ in range(20):
        x = int(random.integers(side - width + 1))
        y = int(random.integers(side - height + 1))
        if all(
            x + width + 1 < other_x
            or other_x + other_width + 1 < x
            or y + height + 1 < other_y
            or other_y + other_height + 1 < y
            for other_x, other_y, other_width, other_height in taken
        ):
            return x, y, width, height
    return None


def sentence(
    things: Sequence[Thing], random: np.random.Generator
) -> tuple[str, list[tuple[Span, list[int]]]]:
    """A caption, and for each of its noun phrases a span and the indices of the things it names.

    A phrase names *every* thing that its words fit, with the right number.
    """
    caption = ""
    phrases: list[tuple[Span, list[int]]] = []
    mentioned: set[int] = set()
    for index in random.permutation(len(things)).tolist()[:3]:
        if index in mentioned:
            continue
        words, fits = _describe(things, index, random)
        if mentioned & set(fits):
            continue
        caption, phrases = _append(caption, phrases, words, fits)
        mentioned |= set(fits)
        partner = _unique_partner(things, fits, mentioned, random)
        if partner is not None:
            other, relation = partner
            words, other_fits = _describe(things, other, random, exactly=True)
            if len(other_fits) == 1:
                caption += f" {relation}"
                caption, phrases = _append(caption + " ", phrases, words, other_fits)
                mentioned.add(other)
        caption += ". "
    return caption.rstrip(), phrases


def _append(
    caption: str, phrases: list[tuple[Span, list[int]]], words: str, fits: list[int]
) -> tuple[str, list[tuple[Span, list[int]]]]:
    span = (len(caption), len(caption) + len(words))
    return caption + words, [*phrases, (span, fits)]


def _describe(
    things: Sequence[Thing], index: int, random: np.random.Generator, exactly: bool = False
) -> tuple[str, list[int]]:
    """Words for a thing and all things that they fit; `exactly` uses every attribute."""
    thing = things[index]
    use = {
        "size": exactly or random.random() < 0.3,
        "texture": exactly or random.random() < 0.3,
        "colour": exactly or random.random() < 0.9,
    }
    named = [name for name, used in use.items() if used] + ["shape"]
    fits = [
        i
        for i, other in enumerate(things)
        if all(getattr(other, name) == getattr(thing, name) for name in named)
    ]
    adjectives = [getattr(thing, name) for name in named]
    plural = "" if len(fits) == 1 else "es" if thing.shape == "cross" else "s"
    number = NUMBERS.get(len(fits), "many")
    if number == "a" and adjectives[0][0] in "aeiou":
        number = "an"
    return f"{number} {' '.join(adjectives)}{plural}", fits


def _unique_partner(
    things: Sequence[Thing], fits: list[int], mentioned: set[int], random: np.random.Generator
) -> tuple[int, str] | None:
    """Another thing clearly beside, above or below a thing named alone, and the relation."""
    if len(fits) != 1 or random.random() < 0.5:
        return None
    x, y = things[fits[0]].center
    for other in random.permutation(len(things)).tolist():
        if other in mentioned:
            continue
        dx, dy = (there - here for there, here in zip(things[other].center, (x, y), strict=True))
        if abs(dx) > 1.5 * abs(dy):
            return other, "left of" if dx > 0 else "right of"
        if abs(dy) > 1.5 * abs(dx):
            return other, "above" if dy > 0 else "below"
    return None
