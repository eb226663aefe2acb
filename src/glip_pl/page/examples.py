"""Pictures to try a model on, made by the program itself."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glip_pl.data.shapes.scenes import Pair, scene

SIDE = 256
"""Pixels of a side."""

SCENES: Sequence[tuple[str, Sequence[Pair]]] = (
    (
        "a red circle. a blue square. a star",
        (("red", "circle"), ("blue", "square"), ("yellow", "star"), ("green", "circle")),
    ),
    (
        "green triangle. purple moon. heart",
        (("green", "triangle"), ("purple", "moon"), ("red", "heart"), ("purple", "ring")),
    ),
    (
        "ring. cross",
        (("orange", "ring"), ("black", "cross"), ("blue", "ring"), ("white", "circle")),
    ),
)
"""A text, and the colours and shapes in the picture."""


def write_examples(folder: Path) -> list[list[str]]:
    """Write the pictures into a folder; returns the file and the text of each."""
    examples = []
    for number, (text, pairs) in enumerate(SCENES):
        picture, _ = scene(SIDE, pairs, np.random.default_rng(number))
        path = folder / f"shapes_{number + 1}.png"
        picture.save(path)
        examples.append([str(path), text])
    return examples
