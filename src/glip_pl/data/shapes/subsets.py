"""The sets of ShapesWorld: what is in their pictures, and what their files say of it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from glip_pl.data.shapes.painting import Thing
from glip_pl.data.shapes.scenes import SEEN, Pair, scene, sentence
from glip_pl.data.shapes.vocabulary import COLOURS, RARE, SHAPES, SYNONYMS, UNSEEN

ABSENT = 30
"""Categories that a picture of the vocabulary is known not to show."""

RARITY = 20
"""How many times more often pictures of people's data show a pair that is not rare."""


class Writer:
    """Collects one COCO-style file while it saves the pictures."""

    def __init__(self, folder: Path, shown: Counter[Pair]) -> None:
        """`shown` counts in how many pictures of captions each pair is."""
        self.folder = folder
        self.shown = shown
        self.content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}

    def categories(self, names: Sequence[str]) -> None:
        """Name the categories, whose ids start at 1."""
        self.content["categories"] = [
            {"id": index, "name": name} for index, name in enumerate(names, start=1)
        ]

    def image(self, picture: Image.Image, **fields: Any) -> int:
        """Save a picture; returns its id."""
        number = len(self.content["images"]) + 1
        name = f"{number:06d}.png"
        picture.save(self.folder / name, compress_level=1)
        size = {"height": picture.height, "width": picture.width}
        self.content["images"].append({"id": number, "file_name": name, **size, **fields})
        return number

    def box(self, image: int, thing: Thing, category: int, **fields: Any) -> None:
        """Add the box of a thing in the picture `image`."""
        width, height = thing.box[2:]
        self.content["annotations"].append(
            {
                "id": len(self.content["annotations"]) + 1,
                "image_id": image,
                "category_id": category,
                "bbox": list(thing.box),
                "area": width * height,
                "iscrowd": 0,
                **fields,
            }
        )


def draw_pairs(
    count: int, pool: Sequence[Pair], random: np.random.Generator, rarity: int = 1
) -> list[Pair]:
    """Pairs of the pool with replacement, rare ones `rarity` times less often."""
    weights = np.array([1 / rarity if pair in RARE else 1.0 for pair in pool])
    return [pool[int(row)] for row in random.choice(len(pool), count, p=weights / weights.sum())]


def detection(writer: Writer, side: int, random: np.random.Generator) -> None:
    """Boxes that know shapes only."""
    writer.categories(SHAPES)
    pairs = draw_pairs(int(random.integers(2, 7)), SEEN, random, RARITY)
    picture, things = scene(side, pairs, random)
    image = writer.image(picture)
    for thing in things:
        writer.box(image, thing, SHAPES.index(thing.shape) + 1)


def captions(writer: Writer, side: int, random: np.random.Generator) -> None:
    """A sentence whose noun phrases have boxes; half of the things share a shape or colour."""
    pairs = draw_pairs(int(random.integers(2, 6)), SEEN, random, RARITY)
    colour, shape = pairs[0]
    alike = [pair for pair in SEEN if (pair[0] == colour) != (pair[1] == shape)]
    pairs += draw_pairs(int(random.integers(1, 3)), alike, random, RARITY)
    picture, things = scene(side, pairs, random)
    caption, phrases = sentence(things, random)
    writer.shown.update({(thing.colour, thing.shape) for thing in things})
    image = writer.image(
        picture,
        caption=caption,
        tokens_negative=[[0, len(caption)]],
        tokens_positive_eval=[[list(span)] for span, _ in phrases],  # as Flickr30k's files
        dataset_name="shapes",
    )
    for span, fits in phrases:
        for index in fits:
            writer.box(image, things[index], 1, tokens_positive=[list(span)])


def _named_pairs(
    writer: Writer, side: int, random: np.random.Generator, names: dict[Pair, str]
) -> None:
    """Pairs by name, among things of the same shapes and of the same colours."""
    writer.categories(list(names.values()))
    asked = draw_pairs(int(random.integers(1, 4)), list(names), random)
    colour, shape = asked[0]
    alike = [pair for pair in SEEN if (pair[0] == colour) != (pair[1] == shape)]
    others = draw_pairs(2, alike, random) + draw_pairs(1, SEEN, random)
    picture, things = scene(side, asked + others, random)
    image = writer.image(picture)
    for thing in things:
        pair = (thing.colour, thing.shape)
        if pair in names:
            writer.box(image, thing, list(names).index(pair) + 1)


def rare(writer: Writer, side: int, random: np.random.Generator) -> None:
    """Pairs that people's data seldom show, by their names."""
    _named_pairs(writer, side, random, {pair: " ".join(pair) for pair in sorted(RARE)})


def unseen(writer: Writer, side: int, random: np.random.Generator) -> None:
    """Pairs that no training picture shows, by their names."""
    _named_pairs(writer, side, random, {pair: " ".join(pair) for pair in sorted(UNSEEN)})


def synonyms(writer: Writer, side: int, random: np.random.Generator) -> None:
    """Seen pairs by names that no caption says."""
    _named_pairs(writer, side, random, SYNONYMS)


def vocabulary(writer: Writer, side: int, random: np.random.Generator) -> None:
    """Every pair is a category, in LVIS's form: how rare it is, and which are known to be absent.

    Rare are those in a tenth as many pictures of captions as the middle one, or in none; of the
    others the lesser half is common.
    """
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    writer.categories([" ".join(pair) for pair in pairs])
    shown = writer.shown
    middle = np.median([shown[pair] for pair in pairs if shown[pair]] or [0])
    for entry, pair in zip(writer.content["categories"], pairs, strict=True):
        entry["frequency"] = (
            "r" if 10 * shown[pair] <= middle else "c" if shown[pair] < middle else "f"
        )
    picture, things = scene(side, draw_pairs(int(random.integers(3, 7)), pairs, random), random)
    there = {(thing.colour, thing.shape) for thing in things}
    absent = [row + 1 for row, pair in enumerate(pairs) if pair not in there]
    known = random.permutation(absent)[:ABSENT].tolist()
    image = writer.image(picture, neg_category_ids=known, not_exhaustive_category_ids=[])
    for thing in things:
        writer.box(image, thing, pairs.index((thing.colour, thing.shape)) + 1)
