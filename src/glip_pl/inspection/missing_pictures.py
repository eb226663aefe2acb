"""Finds pictures that are missing before a run fails on them, with few questions to the disk."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.problems import SHOWN
from glip_pl.errors import UserError
from glip_pl.terminal.progress import with_progress

EACH = 20_000
"""Pictures of a set up to which each is looked at, which finds empty files too.

Of larger sets the folders are listed instead, in a fraction of the time, above all on network file
systems, where asking for each file is slow.
"""


@dataclass
class Missing:
    """Pictures that cannot be found, and what is said about the first of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, message: str) -> None:
        """Count a picture."""
        self.count += 1
        if len(self.examples) < SHOWN:
            self.examples.append(message)

    def join(self, others: "Missing") -> None:
        """Count the missing pictures of another folder too."""
        self.count += others.count
        self.examples = [*self.examples, *others.examples][:SHOWN]


def missing_pictures(images: ImageFolder, names: Sequence[str], what: str) -> Missing:
    """Which of the pictures cannot be found; `what` names one in the progress."""
    missing, folders = Missing(), _Folders()
    listed = len(names) > EACH
    for name in with_progress(names, len(names), what):
        if listed and any(folders.have(root, name) for root in images.roots):
            continue
        try:
            images.find(name)
        except UserError as error:
            missing.add(str(error))
    for message in images.contested(names):
        missing.add(message)
    return missing


class _Folders:
    """The names of files in folders, each listed once."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def have(self, root: Path, name: str) -> bool:
        """Whether the folder has a file of this name; False where that is not certain."""
        inner, _, last = name.rpartition("/")
        if inner.startswith("/") or ".." in inner:  # judged by ImageFolder
            return False
        folder = f"{root}/{inner}"
        if folder not in self._names:
            self._names[folder] = _files(folder)
        return last in self._names[folder]


def _files(folder: str) -> frozenset[str]:
    """The names of the files in a folder; none if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except (OSError, ValueError):  # ValueError: a name with a zero byte
        return frozenset()
