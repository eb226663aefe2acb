"""Writes ShapesWorld to disk: COCO JSON, MDETR JSON and pictures, the same for the same seed."""

import json
import logging
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from glip_pl.data.shapes.drawing import Thing
from glip_pl.data.shapes.scenes import SEEN, Pair, scene, sentence
from glip_pl.data.shapes.vocabulary import COLOURS, SHAPES, SYNONYMS, UNSEEN
from glip_pl.errors import UserError

log = logging.getLogger(__name__)

MANIFEST = "shapes_world.json"
ABSENT = 30
"""Categories that a picture of the vocabulary is known not to show."""

VERSION = 2
"""Goes up when the pictures change, so that a folder from an older version is made anew."""


@dataclass(frozen=True)
class World:
    """How large the universe is; a seed makes it."""

    detection: int  # training images whose boxes know shapes only
    captions: int  # training images with a sentence each
    evaluation: int  # images of each held-out set
    side: int  # pixels
    seed: int

    def write(self, root: str | Path) -> bool:
        """Make the world in `root` unless this very one is there; True if it was made.

        The folder appears complete or not at all, so that a kill or a second process does no harm.
        """
        root = Path(root)
        manifest = {"version": VERSION, **asdict(self)}
        if _is(root, manifest):
            return False
        _check_free(root)
        root.parent.mkdir(parents=True, exist_ok=True)
        new = root.parent / f".{root.name}-{uuid.uuid4().hex}"
        new.mkdir()
        try:
            self._fill(new)
            (new / MANIFEST).write_text(json.dumps(manifest))
            _replace(root, new, manifest)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return True

    def _fill(self, root: Path) -> None:
        (root / "annotations").mkdir()
        sets: list[tuple[str, int, Callable[..., Any]]] = [
            ("detection", self.detection, _detection),
            ("captions", self.captions, _captions),
            ("seen", self.evaluation, _detection),
            ("unseen", self.evaluation, _unseen),
            ("synonyms", self.evaluation, _synonyms),
            ("phrases", self.evaluation, _captions),
            ("vocabulary", self.evaluation, _vocabulary),
        ]
        shown: Counter[Pair] = Counter()  # pictures of captions in which each pair is
        for number, (name, count, annotate) in enumerate(sets):
            (root / "images" / name).mkdir(parents=True)
            writer = _Writer(root / "images" / name, shown)
            for index in range(count):
                annotate(writer, self.side, np.random.default_rng((self.seed, number, index)))
            path = root / "annotations" / f"{name}.json"
            path.write_text(json.dumps(writer.content))


def _is(root: Path, manifest: dict[str, Any]) -> bool:
    try:
        found: object = json.loads((root / MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return found == manifest


def _check_free(root: Path) -> None:
    """Raise UserError if the folder holds something else: only our own folders are ever removed."""
    if root.exists() and not (root / MANIFEST).is_file() and any(root.iterdir()):
        raise UserError(f"{root} exists and is no ShapesWorld; move it away or choose another root")


def _replace(root: Path, new: Path, manifest: dict[str, Any]) -> None:
    """Put the finished folder in place of an older world or of nothing."""
    _check_free(root)
    if root.exists() and not _is(root, manifest):
        shutil.rmtree(root)
    try:
        new.replace(root)
    except OSError:
        if not _is(root, manifest):  # else another process was faster
            raise


class _Writer:
    """Collects one COCO-style file while it saves the pictures."""

    def __init__(self, folder: Path, shown: Counter[Pair]) -> None:
        self.folder = folder
        self.shown = shown
        self.content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}

    def categories(self, names: Sequence[str]) -> None:
        self.content["categories"] = [
            {"id": index, "name": name} for index, name in enumerate(names, start=1)
        ]

    def image(self, picture: Image.Image, **fields: Any) -> int:
        number = len(self.content["images"]) + 1
        name = f"{number:06d}.png"
        picture.save(self.folder / name, compress_level=1)
        size = {"height": picture.height, "width": picture.width}
        self.content["images"].append({"id": number, "file_name": name, **size, **fields})
        return number

    def box(self, image: int, thing: Thing, category: int, **fields: Any) -> None:
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


def _draw_pairs(count: int, pool: Sequence[Pair], random: np.random.Generator) -> list[Pair]:
    return [pool[int(index)] for index in random.integers(len(pool), size=count)]


def _detection(writer: _Writer, side: int, random: np.random.Generator) -> None:
    """Boxes that know shapes only."""
    writer.categories(SHAPES)
    pairs = _draw_pairs(int(random.integers(2, 7)), SEEN, random)
    picture, things = scene(side, pairs, random)
    image = writer.image(picture)
    for thing in things:
        writer.box(image, thing, SHAPES.index(thing.shape) + 1)


def _captions(writer: _Writer, side: int, random: np.random.Generator) -> None:
    """A sentence whose noun phrases have boxes; half of the things share a shape or colour."""
    pairs = _draw_pairs(int(random.integers(2, 6)), SEEN, random)
    colour, shape = pairs[0]
    alike = [pair for pair in SEEN if (pair[0] == colour) != (pair[1] == shape)]
    pairs += _draw_pairs(int(random.integers(1, 3)), alike, random)
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
    writer: _Writer, side: int, random: np.random.Generator, names: dict[Pair, str]
) -> None:
    """Pairs by name, among things of the same shapes and of the same colours."""
    writer.categories(list(names.values()))
    asked = _draw_pairs(int(random.integers(1, 4)), list(names), random)
    colour, shape = asked[0]
    alike = [pair for pair in SEEN if (pair[0] == colour) != (pair[1] == shape)]
    others = _draw_pairs(2, alike, random) + _draw_pairs(1, SEEN, random)
    picture, things = scene(side, asked + others, random)
    image = writer.image(picture)
    for thing in things:
        pair = (thing.colour, thing.shape)
        if pair in names:
            writer.box(image, thing, list(names).index(pair) + 1)


def _unseen(writer: _Writer, side: int, random: np.random.Generator) -> None:
    ordered = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    names = {pair: " ".join(pair) for pair in ordered if pair in UNSEEN}
    _named_pairs(writer, side, random, names)


def _synonyms(writer: _Writer, side: int, random: np.random.Generator) -> None:
    _named_pairs(writer, side, random, SYNONYMS)


def _vocabulary(writer: _Writer, side: int, random: np.random.Generator) -> None:
    """Every pair is a category, in LVIS's form: how rare it is, and which are known to be absent.

    Rare are pairs that no caption's picture shows; of the others the lesser half is common.
    """
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    writer.categories([" ".join(pair) for pair in pairs])
    shown = writer.shown
    middle = np.median([shown[pair] for pair in pairs if shown[pair]] or [0])
    for entry, pair in zip(writer.content["categories"], pairs, strict=True):
        entry["frequency"] = "r" if not shown[pair] else "c" if shown[pair] < middle else "f"
    picture, things = scene(side, _draw_pairs(int(random.integers(3, 7)), pairs, random), random)
    there = {(thing.colour, thing.shape) for thing in things}
    absent = [row + 1 for row, pair in enumerate(pairs) if pair not in there]
    known = random.permutation(absent)[:ABSENT].tolist()
    image = writer.image(picture, neg_category_ids=known, not_exhaustive_category_ids=[])
    for thing in things:
        writer.box(image, thing, pairs.index((thing.colour, thing.shape)) + 1)


def prepare(root: str | Path, world: World) -> None:
    """Make the world before its files are read; nothing happens if it is there."""
    if world.write(root):
        log.info("made ShapesWorld in %s", root)
