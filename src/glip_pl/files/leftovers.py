"""Removes what killed processes left unfinished."""

import re
import shutil
import time
from pathlib import Path

from glip_pl.files.writing import PARTIAL

LEFTOVER = re.compile(rf"\.(?P<name>.+)\.[0-9a-f]{{32}}{re.escape(PARTIAL)}")
"""Names of unfinished files and folders, which were to be called `name`."""


def remove_leftovers(path: Path, unchanged_for: float = 0) -> None:
    """Remove the unfinished files and folders beside `path` that were to become `path`.

    To be called under a lock that every writer of `path` holds: then no living process uses them.
    Without such a lock, only those that have not changed for so many seconds.
    """
    for unfinished in leftovers_in(path.parent):
        leftover = LEFTOVER.fullmatch(unfinished.name)
        ours = leftover is not None and leftover["name"] == path.name
        if ours and _age(unfinished) >= unchanged_for:
            _remove(unfinished)


def remove_leftovers_in(folder: Path) -> None:
    """Remove all unfinished files and folders in a folder, under a lock as `remove_leftovers`."""
    for unfinished in leftovers_in(folder):
        _remove(unfinished)


def leftovers_in(folder: Path) -> list[Path]:
    """The unfinished files and folders in a folder; none in one that does not exist."""
    members = list(folder.iterdir()) if folder.is_dir() else []
    return [path for path in members if LEFTOVER.fullmatch(path.name)]


def _age(path: Path) -> float:
    """Seconds since a file was written to; 0 if it has just been removed."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
