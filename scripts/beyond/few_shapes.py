"""A small task of ShapesWorld as a folder in COCO's form: few pictures, whose names are shapes."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glip_pl.data.shapes.scenes import SEEN, Pair, scene
from glip_pl.data.shapes.subsets import CocoWriter, draw_pairs
from glip_pl.files.writing import partial_folder

COUNTS = {"train": 160, "val": 40, "test": 100}
"""Pictures of each split."""

SIDE = 160
"""Width and height of a picture, pixels."""

SEED = 100
"""Of the pictures; it is no seed of a subset of ShapesWorld."""


def few_shapes(folder: Path, shapes: Sequence[str], colours: Sequence[str]) -> Path:
    """Write the task, with only these shapes and colours, unless `folder` exists; returns it."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    pairs = [(colour, shape) for colour, shape in SEEN if colour in colours and shape in shapes]
    with partial_folder(folder) as partial:
        (partial / "annotations").mkdir()
        for number, (split, count) in enumerate(COUNTS.items()):
            (partial / split).mkdir()
            writer = CocoWriter(partial / split, Counter())
            writer.set_categories(shapes)
            for index in range(count):
                random = np.random.default_rng((SEED, number, index))
                _add_picture(writer, draw_pairs(int(random.integers(2, 7)), pairs, random), random)
            (partial / "annotations" / f"{split}.json").write_text(json.dumps(writer.content))
        partial.replace(folder)
    return folder


def _add_picture(writer: CocoWriter, pairs: Sequence[Pair], random: np.random.Generator) -> None:
    """A picture of these pairs, whose categories are the shapes."""
    shapes = [category["name"] for category in writer.content["categories"]]
    picture, things = scene(SIDE, pairs, random)
    image_id = writer.add_image(picture)
    for thing in things:
        writer.add_box(image_id, thing, shapes.index(thing.shape) + 1)
