"""Web pairs of ShapesWorld: pictures with captions as web pages have them, and no boxes."""

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glip_pl.data.formats.webdataset_writer import add_sample
from glip_pl.data.shapes.scenes import SEEN, NounPhrase, scene, sentence
from glip_pl.data.shapes.subsets import draw_pairs
from glip_pl.data.shapes.vocabulary import COLOURS, SHAPES

PER_SHARD = 500
"""Pairs of picture and caption in a shard."""

BEFORE = ("stock photo of ", "Image of ", "free picture: ", "photo: ")
AFTER = (" - royalty free", " | wallpapers", " IMG_4711.jpg", " (download)")


def write_web(folder: Path, count: int, side: int, seed: Sequence[int]) -> None:
    """Write `count` pairs as shards of img2dataset's form into a new folder.

    All colour-shape pairs but the unseen ones are equally frequent, because the web has a wider
    vocabulary than annotated data.
    """
    folder.mkdir()
    for first in range(0, count, PER_SHARD):
        with tarfile.open(folder / f"{first // PER_SHARD:05d}.tar", "w") as tar:
            for number in range(first, min(first + PER_SHARD, count)):
                random = np.random.default_rng((*seed, number))
                add_sample(tar, f"{number:09d}", _sample(number, side, random))


def _sample(number: int, side: int, random: np.random.Generator) -> dict[str, bytes]:
    """The files of a pair by their suffix."""
    pairs = draw_pairs(int(random.integers(2, 7)), SEEN, random)
    picture, things = scene(side, pairs, random)
    text = web_caption(*sentence(things, random), random)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=90)
    about = {"key": f"{number:09d}", "width": side, "height": side, "caption": text}
    return {
        ".jpg": encoded.getvalue(),
        ".txt": text.encode(),
        ".json": json.dumps(about).encode(),
    }


def web_caption(text: str, phrases: Sequence[NounPhrase], random: np.random.Generator) -> str:
    """A correct sentence made less tidy.

    It may be reduced to a title, mention an object that is not shown, and have words of web pages
    before and after it.
    """
    if random.random() < 0.25:  # a title, without articles and relations
        words = [text[start:end] for (start, end), _ in phrases]
        text = ", ".join(
            phrase.removeprefix("an ").removeprefix("a ") for phrase in words
        ).capitalize()
    if random.random() < 0.15:  # an object that is probably not there
        colour = list(COLOURS)[int(random.integers(len(COLOURS)))]
        text = f"{text.rstrip('.')} and a {colour} {SHAPES[int(random.integers(len(SHAPES)))]}"
    if random.random() < 0.3:
        text = BEFORE[int(random.integers(len(BEFORE)))] + text
    if random.random() < 0.3:
        text += AFTER[int(random.integers(len(AFTER)))]
    return text
