"""Random scenes, and sentences that describe them correctly."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from glip_pl.data.shapes.painting import Thing, background, mask, paint
from glip_pl.data.shapes.vocabulary import COLOURS, NUMBERS, SHAPES, SIZES, TEXTURES, UNSEEN
from glip_pl.spans import Span

RADII = {"small": (0.075, 0.10), "large": (0.15, 0.20)}
"""Range of an object's radius, as a fraction of the picture's side."""

CLEARLY = 1.5
"""How many times farther apart than along the other axis objects are along that of a relation."""

Pair = tuple[str, str]
"""A colour and a shape."""

SEEN: tuple[Pair, ...] = tuple(
    (colour, shape) for colour in COLOURS for shape in SHAPES if (colour, shape) not in UNSEEN
)
"""Pairs that training pictures may show."""

Box = tuple[int, int, int, int]
"""x, y, width, height, pixels."""


class Draft(NamedTuple):
    """An object that is placed but not painted yet."""

    thing: Thing
    coverage: Image.Image  # its mask, of the size of its box


class NounPhrase(NamedTuple):
    """A noun phrase of a caption, and the positions of all objects that it describes."""

    span: Span
    things: list[int]


def scene(
    side: int, pairs: Sequence[Pair], random: np.random.Generator
) -> tuple[Image.Image, list[Thing]]:
    """A square picture of `side` pixels with an object for every pair for which there is space.

    Boxes of objects do not touch each other.
    """
    picture = background(side, random)
    things: list[Thing] = []
    for colour, shape in pairs:
        placed = draft((colour, shape), [thing.box for thing in things], side, random)
        if placed is not None:
            paint_draft(picture, placed, random)
            things.append(placed.thing)
    return picture, things


def draft(pair: Pair, taken: Sequence[Box], side: int, random: np.random.Generator) -> Draft | None:
    """An object of random size, texture and turn in a free place; None if there is no space."""
    colour, shape = pair
    size = SIZES[int(random.integers(len(SIZES)))]
    texture = TEXTURES[int(random.integers(len(TEXTURES)))]
    radius = random.uniform(*RADII[size]) * side
    coverage = mask(shape, radius, random.uniform(-0.25, 0.25))
    box = _free_box(coverage.size, taken, side, random)
    return None if box is None else Draft(Thing(shape, colour, texture, size, box), coverage)


def paint_draft(picture: Image.Image, placed: Draft, random: np.random.Generator) -> None:
    """Paint an object into a picture."""
    thing, coverage = placed
    paint(picture, coverage, thing.box[:2], thing.colour, thing.texture, random)


def _free_box(
    size: tuple[int, int], taken: Sequence[Box], side: int, random: np.random.Generator
) -> Box | None:
    """A random box of this (width, height) apart from the boxes `taken`; None after 20 attempts."""
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


def sentence(things: Sequence[Thing], random: np.random.Generator) -> tuple[str, list[NounPhrase]]:
    """A caption and its noun phrases.

    A phrase refers to *every* object that its words describe, in the right number.
    """
    caption = ""
    phrases: list[NounPhrase] = []
    mentioned: set[int] = set()
    for index in random.permutation(len(things)).tolist()[:3]:
        if index in mentioned:
            continue
        words, described = _describe(things, index, random)
        if mentioned & set(described):
            continue
        caption, phrases = _append(caption, phrases, words, described)
        mentioned |= set(described)
        partner = _unique_partner(things, described, mentioned, random)
        if partner is not None:
            other, relation = partner
            words, described = _describe(things, other, random, exactly=True)
            if len(described) == 1:
                caption += f" {relation}"
                caption, phrases = _append(caption + " ", phrases, words, described)
                mentioned.add(other)
        caption += ". "
    return caption.rstrip(), phrases


def _append(
    caption: str, phrases: Sequence[NounPhrase], words: str, described: list[int]
) -> tuple[str, list[NounPhrase]]:
    """The caption with a noun phrase at its end, and all noun phrases."""
    span = (len(caption), len(caption) + len(words))
    return caption + words, [*phrases, NounPhrase(span, described)]


def _describe(
    things: Sequence[Thing], index: int, random: np.random.Generator, exactly: bool = False
) -> tuple[str, list[int]]:
    """Words for an object, and the positions of all objects that they describe.

    With `exactly` the words contain every attribute.
    """
    thing = things[index]
    is_named = {
        "size": exactly or random.random() < 0.3,
        "texture": exactly or random.random() < 0.3,
        "colour": exactly or random.random() < 0.9,
    }
    attributes = [name for name, named in is_named.items() if named] + ["shape"]
    described = [
        other_index
        for other_index, other in enumerate(things)
        if all(getattr(other, name) == getattr(thing, name) for name in attributes)
    ]
    adjectives = [getattr(thing, name) for name in attributes]
    plural = "" if len(described) == 1 else "es" if thing.shape == "cross" else "s"
    number = NUMBERS.get(len(described), "many")
    if number == "a" and adjectives[0][0] in "aeiou":
        number = "an"
    return f"{number} {' '.join(adjectives)}{plural}", described


def _unique_partner(
    things: Sequence[Thing],
    described: Sequence[int],
    mentioned: set[int],
    random: np.random.Generator,
) -> tuple[int, str] | None:
    """Another object, not mentioned yet, and where the described object lies relative to it.

    None if several objects are described, if no other lies clearly beside, above or below, and in
    half of all cases.
    """
    if len(described) != 1 or random.random() < 0.5:
        return None
    for other in random.permutation(len(things)).tolist():
        if other in mentioned:
            continue
        relation = clear_relation(things[described[0]], things[other])
        if relation is not None:
            return other, relation
    return None


def clear_relation(thing: Thing, other: Thing) -> str | None:
    """Where an object lies relative to another one; None unless a relation clearly holds."""
    (x, y), (other_x, other_y) = thing.center, other.center
    dx, dy = other_x - x, other_y - y
    if abs(dx) > CLEARLY * abs(dy):
        return "left of" if dx > 0 else "right of"
    if abs(dy) > CLEARLY * abs(dx):
        return "above" if dy > 0 else "below"
    return None
