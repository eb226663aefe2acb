"""Writes ShapesWorld in real file formats; a seed always gives the same files."""

import json
import logging
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.data.shapes import subsets
from glip_pl.data.shapes.scenes import Pair
from glip_pl.data.shapes.web_pairs import write_web
from glip_pl.errors import UserError
from glip_pl.files.writing import partial_folder

log = logging.getLogger(__name__)

MANIFEST = "shapes_world.json"
"""The file in a world's folder that holds its settings."""

VERSION = 3
"""Increases when the pictures change, so that a folder of an older version is replaced."""


@dataclass(frozen=True)
class World:
    """The size of a ShapesWorld, and the seed from which it is made."""

    detection: int  # training pictures whose categories are shapes
    captions: int  # training pictures with a caption each
    web: int  # pairs of picture and caption without boxes
    evaluation: int  # pictures of each held-out subset
    side: int  # pixels
    seed: int

    def write(self, root: str | Path) -> bool:
        """Make the world in `root` unless it is already there; True if it was made.

        The folder appears complete or not at all, even if the process is killed or if several
        processes make the world at once. Raises UserError if `root` holds something else.
        """
        root = Path(root)
        manifest = {"version": VERSION, **asdict(self)}
        if _holds(root, manifest):
            return False
        _check_free(root)
        with partial_folder(root) as folder:
            self._fill(folder)
            (folder / MANIFEST).write_text(json.dumps(manifest))
            _replace(root, folder, manifest)
        return True

    def _fill(self, root: Path) -> None:
        """Write all subsets into an empty folder."""
        (root / "annotations").mkdir()
        plan: list[tuple[str, int, subsets.Subset]] = [
            ("detection", self.detection, subsets.detection),
            ("captions", self.captions, subsets.captions),
            ("seen", self.evaluation, subsets.detection),
            ("rare", self.evaluation, subsets.rare),
            ("unseen", self.evaluation, subsets.unseen),
            ("synonyms", self.evaluation, subsets.synonyms),
            ("phrases", self.evaluation, subsets.captions),
            ("vocabulary", self.evaluation, subsets.vocabulary),
        ]
        shown: Counter[Pair] = Counter()  # pictures with captions that show each pair
        for number, (name, count, annotate) in enumerate(plan):
            (root / "images" / name).mkdir(parents=True)
            writer = subsets.CocoWriter(root / "images" / name, shown)
            for index in range(count):
                annotate(writer, self.side, np.random.default_rng((self.seed, number, index)))
            path = root / "annotations" / f"{name}.json"
            path.write_text(json.dumps(writer.content))
        write_web(root / "web", self.web, self.side, (self.seed, len(plan)))


def _holds(root: Path, manifest: dict[str, Any]) -> bool:
    """Whether the folder holds the world of these settings."""
    try:
        present: object = json.loads((root / MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return present == manifest


def _check_free(root: Path) -> None:
    """Raise UserError if the folder holds anything but a world, which may be replaced."""
    if root.exists() and not (root / MANIFEST).is_file() and any(root.iterdir()):
        raise UserError(f"{root} exists and is no ShapesWorld; move it away or choose another root")


def _replace(root: Path, folder: Path, manifest: dict[str, Any]) -> None:
    """Put the finished folder at `root`, in place of an older world if there is one."""
    _check_free(root)
    if root.exists() and not _holds(root, manifest):
        shutil.rmtree(root)
    try:
        folder.replace(root)
    except OSError:
        if not _holds(root, manifest):  # otherwise another process was faster
            raise


def prepare(root: str | Path, world: World) -> None:
    """Make the world before its files are read; nothing happens if it is already there."""
    if world.write(root):
        log.info("made ShapesWorld in %s", root)
