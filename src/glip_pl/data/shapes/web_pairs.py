"""Web pairs of ShapesWorld: pictures with captions as people write them, and no boxes."""

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glip_pl.data.shapes.scenes import SEEN, scene, sentence
from glip_pl.data.shapes.subsets import draw_pairs
from glip_pl.data.shapes.vocabulary import COLOURS, SHAPES

PER_SHARD = 500

BEFORE = ("stock photo of ", "Image of ", "free picture: ", "photo: ")
AFTER = (" - royalty free", " | wallpapers", " IMG_4711.jpg", " (download)")


def write_web(folder: Path, count: int, side: int, seed: Sequence[int]) -> None:
    """Shards of img2dataset's form. All pairs but the unseen are shown alike: the web is wide."""
    folder.mkdir()
    for first in range(0, count, PER_SHARD):
        with tarfile.open(folder / f"{first // PER_SHARD:05d}.tar", "w") as tar:
            for number in range(first, min(first + PER_SHARD, count)):
                random = np.random.default_rng((*seed, number))
                pairs = draw_pairs(int(random.integers(2, 7)), SEEN, random)
                picture, things = scene(side, pairs, random)
                text = caption(sentence(things, random), random)
                content = io.BytesIO()
                picture.save(content, "JPEG", quality=90)
                about = {"key": f"{number:09d}", "width": side, "height": side, "caption": text}
                for suffix, part in (
                    (".jpg", content.getvalue()),
                    (".txt", text.encode()),
                    (".json", json.dumps(about).encode()),
                ):
                    member = tarfile.TarInfo(f"{number:09d}{suffix}")
                    member.size = len(part)
                    tar.addfile(member, io.BytesIO(part))


def caption(
    told: tuple[str, list[tuple[tuple[int, int], list[int]]]], random: np.random.Generator
) -> str:
    """A true sentence made less tidy: cut to a title, with words of the web, with an untruth."""
    text, phrases = told
    if random.random() < 0.25:  # a title, without articles and relations
        words = [text[start:end] for (start, end), _ in phrases]
        text = ", ".join(one.removeprefix("an ").removeprefix("a ") for one in words).capitalize()
    if random.random() < 0.15:  # something that may well not be there
        colour = list(COLOURS)[int(random.integers(len(COLOURS)))]
        text = f"{text.rstrip('.')} and a {colour} {SHAPES[int(random.integers(len(SHAPES)))]}"
    if random.random() < 0.3:
        text = BEFORE[int(random.integers(len(BEFORE)))] + text
    if random.random() < 0.3:
        text += AFTER[int(random.integers(len(AFTER)))]
    return text
