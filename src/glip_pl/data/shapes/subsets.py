"""The subsets of ShapesWorld: what their pictures show, and what their annotations contain."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from glip_pl.data.shapes.outlines import RANDOM
from glip_pl.data.shapes.painting import Thing
from glip_pl.data.shapes.scenes import SEEN, Pair, scene, sentence
from glip_pl.data.shapes.vocabulary import COLOURS, NOVEL, RARE, SHAPES, SYNONYMS, UNSEEN

ABSENT = 30
"""Most categories that a picture of the subset `vocabulary` lists as absent."""

RARITY = 20
"""How many times more often detection and grounding data draw a pair that is not rare."""


class CocoWriter:
    """Saves the pictures of a subset and collects its COCO-style annotations in `content`."""

    def __init__(self, folder: Path, shown: Counter[Pair]) -> None:
        """`shown` counts the pictures with captions that show each pair."""
        self.folder = folder
        self.shown = shown
        self.pictures = 0  # saved so far
        self.content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}

    def set_categories(self, names: Sequence[str]) -> None:
        """Set the names of the categories, whose ids start at 1."""
        self.content["categories"] = [
            {"id": index, "name": name} for index, name in enumerate(names, start=1)
        ]

    def add_image(self, picture: Image.Image, **fields: Any) -> int:
        """Save a picture and add its entry, with further fields; returns its id."""
        self.pictures += 1
        picture.save(self.folder / self._name, compress_level=1)
        return self.add_caption(picture, **fields)

    def add_caption(self, picture: Image.Image, **fields: Any) -> int:
        """Add another entry for the picture saved last, with other fields; returns its id."""
        image_id = len(self.content["images"]) + 1
        size = {"height": picture.height, "width": picture.width}
        self.content["images"].append({"id": image_id, "file_name": self._name, **size, **fields})
        return image_id

    @property
    def _name(self) -> str:
        """The file name of the picture saved last."""
        return f"{self.pictures:06d}.png"

    def add_box(self, image_id: int, thing: Thing, category_id: int, **fields: Any) -> None:
        """Add the box of an object in a picture, with further fields."""
        width, height = thing.box[2:]
        self.content["annotations"].append(
            {
                "id": len(self.content["annotations"]) + 1,
                "image_id": image_id,
                "category_id": category_id,
                "bbox": list(thing.box),
                "area": width * height,
                "iscrowd": 0,
                **fields,
            }
        )


Subset = Callable[[CocoWriter, int, np.random.Generator], None]
"""Adds a square picture with its annotations; the second argument is its side in pixels."""


def draw_pairs(
    count: int, pool: Sequence[Pair], random: np.random.Generator, rarity: int = 1
) -> list[Pair]:
    """Pairs of the pool with replacement; rare ones are drawn `rarity` times less often."""
    weights = np.array([1 / rarity if pair in RARE else 1.0 for pair in pool])
    return [pool[int(row)] for row in random.choice(len(pool), count, p=weights / weights.sum())]


def _similar_pairs(pair: Pair) -> list[Pair]:
    """Seen pairs with the same colour or the same shape, but not both."""
    colour, shape = pair
    return [other for other in SEEN if (other[0] == colour) != (other[1] == shape)]


def detection(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture whose categories are shapes."""
    writer.set_categories(SHAPES)
    pairs = draw_pairs(int(random.integers(2, 7)), SEEN, random, RARITY)
    picture, things = scene(side, pairs, random)
    image_id = writer.add_image(picture)
    for thing in things:
        writer.add_box(image_id, thing, SHAPES.index(thing.shape) + 1)


def captions(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture with a caption whose noun phrases have boxes; some objects are similar."""
    pairs = draw_pairs(int(random.integers(2, 6)), SEEN, random, RARITY)
    similar = _similar_pairs(pairs[0])
    pairs += draw_pairs(int(random.integers(1, 3)), similar, random, RARITY)
    picture, things = scene(side, pairs, random)
    caption, phrases = sentence(things, random)
    writer.shown.update({(thing.colour, thing.shape) for thing in things})
    image_id = writer.add_image(
        picture,
        caption=caption,
        tokens_negative=[[0, len(caption)]],
        tokens_positive_eval=[[list(span)] for span, _ in phrases],  # as in Flickr30k's files
        dataset_name="shapes",
    )
    for span, described in phrases:
        for index in described:
            writer.add_box(image_id, things[index], 1, tokens_positive=[list(span)])


def _named_pairs(
    writer: CocoWriter, side: int, random: np.random.Generator, names: Mapping[Pair, str]
) -> None:
    """A picture whose categories are pairs, by the names given, among similar objects."""
    writer.set_categories(list(names.values()))
    named = draw_pairs(int(random.integers(1, 4)), list(names), random)
    others = draw_pairs(2, _similar_pairs(named[0]), random) + draw_pairs(1, SEEN, random)
    picture, things = scene(side, named + others, random)
    image_id = writer.add_image(picture)
    for thing in things:
        pair = (thing.colour, thing.shape)
        if pair in names:
            writer.add_box(image_id, thing, list(names).index(pair) + 1)


def rare(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture whose categories are the pairs that training pictures seldom show."""
    _named_pairs(writer, side, random, {pair: " ".join(pair) for pair in sorted(RARE)})


def unseen(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture whose categories are the pairs that no training picture shows."""
    _named_pairs(writer, side, random, {pair: " ".join(pair) for pair in sorted(UNSEEN)})


def synonyms(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture whose categories are seen pairs, by names that no caption contains."""
    _named_pairs(writer, side, random, SYNONYMS)


def vocabulary(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture with every pair as a category, in LVIS's form: with frequencies and absent lists.

    A pair is rare if at most a tenth as many pictures with captions show it as show the median
    pair; of the others those below the median are common, and the rest frequent.
    """
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    writer.set_categories([" ".join(pair) for pair in pairs])
    shown = writer.shown
    median = np.median([shown[pair] for pair in pairs if shown[pair]] or [0])
    for entry, pair in zip(writer.content["categories"], pairs, strict=True):
        entry["frequency"] = (
            "r" if 10 * shown[pair] <= median else "c" if shown[pair] < median else "f"
        )
    picture, things = scene(side, draw_pairs(int(random.integers(3, 7)), pairs, random), random)
    present = {(thing.colour, thing.shape) for thing in things}
    absent = [row + 1 for row, pair in enumerate(pairs) if pair not in present]
    listed = random.permutation(absent)[:ABSENT].tolist()
    image_id = writer.add_image(picture, neg_category_ids=listed, not_exhaustive_category_ids=[])
    for thing in things:
        writer.add_box(image_id, thing, pairs.index((thing.colour, thing.shape)) + 1)


def _named_outlines(
    writer: CocoWriter, side: int, random: np.random.Generator, outlines: Mapping[str, str]
) -> None:
    """A picture whose categories are outlines, by their names, among a few of the usual shapes."""
    writer.set_categories(list(outlines))
    shapes = list(outlines.values())
    pool = [(colour, shape) for colour in COLOURS for shape in shapes]
    pairs = draw_pairs(int(random.integers(2, 5)), pool, random)
    pairs += draw_pairs(int(random.integers(0, 3)), SEEN, random)
    picture, things = scene(side, pairs, random)
    image_id = writer.add_image(picture)
    for thing in things:
        if thing.shape in shapes:
            writer.add_box(image_id, thing, shapes.index(thing.shape) + 1)


def outlines(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture whose categories are random outlines, by invented names."""
    _named_outlines(writer, side, random, {name: name for name in RANDOM})


def novel(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture whose categories are outlines that are not trained on, by invented names."""
    _named_outlines(writer, side, random, NOVEL)
