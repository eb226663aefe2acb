"""Writes ShapesWorld to disk in real formats, the same for the same seed."""

import json
import logging
import shutil
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.data.shapes import subsets
from glip_pl.data.shapes.scenes import Pair
from glip_pl.data.shapes.web_pairs import write_web
from glip_pl.errors import UserError

log = logging.getLogger(__name__)

MANIFEST = "shapes_world.json"
VERSION = 3
"""Goes up when the pictures change, so that a folder from an older version is made anew."""


@dataclass(frozen=True)
class World:
    """How large the universe is; a seed makes it."""

    detection: int  # training images whose boxes know shapes only
    captions: int  # training images with a sentence each
    web: int  # pairs of picture and caption without boxes
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
        plan: list[tuple[str, int, Callable[..., Any]]] = [
            ("detection", self.detection, subsets.detection),
            ("captions", self.captions, subsets.captions),
            ("seen", self.evaluation, subsets.detection),
            ("rare", self.evaluation, subsets.rare),
            ("unseen", self.evaluation, subsets.unseen),
            ("synonyms", self.evaluation, subsets.synonyms),
            ("phrases", self.evaluation, subsets.captions),
            ("vocabulary", self.evaluation, subsets.vocabulary),
        ]
        shown: Counter[Pair] = Counter()  # pictures of captions in which each pair is
        for number, (name, count, annotate) in enumerate(plan):
            (root / "images" / name).mkdir(parents=True)
            writer = subsets.Writer(root / "images" / name, shown)
            for index in range(count):
                annotate(writer, self.side, np.random.default_rng((self.seed, number, index)))
            path = root / "annotations" / f"{name}.json"
            path.write_text(json.dumps(writer.content))
        write_web(root / "web", self.web, self.side, (self.seed, len(plan)))


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


def prepare(root: str | Path, world: World) -> None:
    """Make the world before its files are read; nothing happens if it is there."""
    if world.write(root):
        log.info("made ShapesWorld in %s", root)
