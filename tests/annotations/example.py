"""Two pictures with boxes, for the tests of each format."""

from pathlib import Path

import numpy as np

from glip_pl.annotations.annotated_image import AnnotatedImage

NAMES = ["cat", "red <dog>"]

FOUND = AnnotatedImage(
    Path("photos/a/x.png"),
    (50, 200),
    np.asarray([[10, 20, 30.25, 40], [0, 0, 200, 50]]),
    np.asarray([1, 0]),
    np.asarray([0.75, 0.5]),
    name="a/x.png",
)
"""What a model found."""

EMPTY = AnnotatedImage(
    Path("photos/b.png"), (30, 30), np.zeros((0, 4)), np.zeros(0, dtype=int), name="b.png"
)
"""A picture in which people annotated nothing."""
