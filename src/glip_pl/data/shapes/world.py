"""Writes ShapesWorld in real file formats; a seed always gives the same files."""

import json
import logging
import re
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from glip_pl.data.shapes import subsets
from glip_pl.data.shapes.attributes import attributes
from glip_pl.data.shapes.halves import half_of
from glip_pl.data.shapes.referring import referring
from glip_pl.data.shapes.scenes import Pair
from glip_pl.data.shapes.web_pairs import PER_SHARD, write_web
from glip_pl.errors import UserError
from glip_pl.files.leftovers import remove_leftovers
from glip_pl.files.writing import partial_folder, partial_path

log = logging.getLogger(__name__)

MANIFEST = "shapes_world.json"
"""The file in a world's folder that holds its settings."""

VERSION = 5
"""Increases when the pictures change, so that a folder of an older version is replaced."""

HALVES = ("half_first", "half_second")
"""Names of the two annotation files that each know half of the shapes."""

WEB_SEED = 8
"""Seed of the web pairs, beside those of the subsets."""

_PICTURE = re.compile(r"images/(\w+)/(\d{6}|[1-9]\d{6,18})\.png", re.ASCII)
_SHARD = re.compile(r"web/(\d{5}|[1-9]\d{5,18})\.tar", re.ASCII)


@dataclass(frozen=True)
class World:
    """The size of a ShapesWorld, and the seed from which it is made."""

    detection: int  # training pictures whose categories are shapes
    captions: int  # training pictures with a caption each
    web: int  # pairs of picture and caption without boxes
    evaluation: int  # pictures of each held-out subset
    side: int  # pixels
    seed: int
    relations: int = 0  # training pictures with expressions that only a relation makes unique

    def write(self, root: str | Path) -> bool:
        """Make the world in `root` unless it is already there; True if it was made.

        The folder appears complete or not at all, even if the process is killed. If several
        processes call this, one makes the world and the others wait. Raises UserError if `root`
        holds files that no world has written.
        """
        root = Path(root).resolve()
        manifest = {"version": VERSION, **asdict(self)}
        if _holds(root, manifest):
            return False
        _check_free(root)
        root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{root}.lock"):
            if _holds(root, manifest):  # made while this process waited
                return False
            remove_leftovers(root)
            with partial_folder(root) as folder:
                self._fill(folder)
                (folder / MANIFEST).write_text(json.dumps(manifest))
                _replace(root, folder)
        return True

    def writes(self, name: str) -> bool:
        """Whether a file, named by its path from the world's folder, belongs to this world."""
        counts = {subset: count for subset, count, *_ in self._plan()}
        if picture := _PICTURE.fullmatch(name):
            return 1 <= int(picture[2]) <= counts.get(picture[1], 0)
        if shard := _SHARD.fullmatch(name):
            return int(shard[1]) * PER_SHARD < self.web
        annotations = {f"annotations/{subset}.json" for subset in (*counts, *HALVES)}
        return name == MANIFEST or name in annotations

    def _plan(self) -> list[tuple[str, int, subsets.Subset, int]]:
        """Name, number of pictures, function and seed of each subset with boxes."""
        return [
            ("detection", self.detection, subsets.detection, 0),
            ("captions", self.captions, subsets.captions, 1),
            ("seen", self.evaluation, subsets.detection, 2),
            ("rare", self.evaluation, subsets.rare, 3),
            ("unseen", self.evaluation, subsets.unseen, 4),
            ("synonyms", self.evaluation, subsets.synonyms, 5),
            ("phrases", self.evaluation, subsets.captions, 6),
            ("vocabulary", self.evaluation, subsets.vocabulary, 7),
            ("attributes", self.evaluation, attributes, 9),
            ("referring", self.evaluation, referring, 10),
            ("relations", self.relations, referring, 11),
            ("novel", self.evaluation, subsets.novel, 13),
            ("novel_examples", self.evaluation, subsets.novel, 14),
            ("outlines", self.detection, subsets.outlines, 15),
        ]

    def _fill(self, root: Path) -> None:
        """Write all subsets into an empty folder."""
        (root / "annotations").mkdir()
        shown: Counter[Pair] = Counter()  # pictures with captions that show each pair
        for name, count, annotate, number in self._plan():
            (root / "images" / name).mkdir(parents=True)
            writer = subsets.CocoWriter(root / "images" / name, shown)
            for index in range(count):
                annotate(writer, self.side, np.random.default_rng((self.seed, number, index)))
            path = root / "annotations" / f"{name}.json"
            path.write_text(json.dumps(writer.content))
            for number, half in enumerate(HALVES if name == "detection" else ()):
                path = root / "annotations" / f"{half}.json"
                path.write_text(json.dumps(half_of(writer.content, number)))
        write_web(root / "web", self.web, self.side, (self.seed, WEB_SEED))


def _holds(root: Path, manifest: dict[str, Any]) -> bool:
    """Whether the folder holds the world of these settings."""
    try:
        present: object = json.loads((root / MANIFEST).read_text())
    except (OSError, ValueError, RecursionError):
        return False
    return present == manifest


def _check_free(root: Path) -> None:
    """Raise UserError if the folder holds anything but a world, which may be replaced."""
    if not root.exists():
        return
    if not root.is_dir() or (not (root / MANIFEST).is_file() and any(root.iterdir())):
        raise UserError(f"{root} exists and is no ShapesWorld; move it away or choose another root")
    world = _present_world(root)
    for path in sorted(root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        if world is None or not world.writes(path.relative_to(root).as_posix()):
            raise UserError(
                f"{root} holds a ShapesWorld of other settings, which would be replaced, and also "
                f"{path}, which is not part of it; move that file away or choose another root"
            )


def _present_world(root: Path) -> World | None:
    """The world that a folder holds by its manifest; None without a manifest that is known."""
    try:
        settings = json.loads((root / MANIFEST).read_text())
        settings.pop("version")
        world = World(**settings)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return world if all(isinstance(value, int) for value in settings.values()) else None


def _replace(root: Path, folder: Path) -> None:
    """Put the finished folder at `root`, in place of an older world if there is one."""
    _check_free(root)
    older = partial_path(root)
    if root.exists():
        root.rename(older)  # at once, so that a killed process never leaves half a world at root
    folder.replace(root)
    shutil.rmtree(older, ignore_errors=True)


def prepare(root: str | Path, world: World) -> None:
    """Make the world before its files are read; nothing happens if it is already there."""
    if world.write(root):
        log.info("made ShapesWorld in %s", root)
