"""Rivals of ShapesWorld: objects of one shape in a picture, which only their colours tell apart."""

import numpy as np

from glip_pl.data.shapes.scenes import SEEN, scene
from glip_pl.data.shapes.subsets import CocoWriter, draw_pairs
from glip_pl.data.shapes.vocabulary import COLOURS, RARE, SHAPES

PAIRS = tuple(pair for pair in SEEN if pair not in RARE)
"""The categories: pairs that training pictures often show, six of each shape."""

RIVALS = 3
"""Objects of the same shape in a picture, each of another colour."""


def attributes(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture whose categories are pairs, with RIVALS objects of one shape and two others."""
    writer.set_categories([" ".join(pair) for pair in PAIRS])
    shape = SHAPES[int(random.integers(len(SHAPES)))]
    colours = [colour for colour in COLOURS if (colour, shape) in PAIRS]
    chosen = random.permutation(len(colours))[:RIVALS].tolist()
    rivals = [(colours[number], shape) for number in chosen]
    picture, things = scene(side, [*rivals, *draw_pairs(2, PAIRS, random)], random)
    image_id = writer.add_image(picture)
    for thing in things:
        writer.add_box(image_id, thing, PAIRS.index((thing.colour, thing.shape)) + 1)
