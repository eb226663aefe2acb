"""Removes what killed processes left unfinished."""

import re
import shutil
from pathlib import Path

from glip_pl.files.writing import PARTIAL

LEFTOVER = re.compile(rf"\.(?P<name>.+)\.[0-9a-f]{{32}}{re.escape(PARTIAL)}")
"""Names of unfinished files and folders, which were to be called `name`."""


def remove_leftovers(path: Path) -> None:
    """Remove the unfinished files and folders beside `path` that were to become `path`.

    To be called under a lock that every writer of `path` holds: then no living process uses them.
    """
    siblings = list(path.parent.iterdir()) if path.parent.is_dir() else []
    for sibling in siblings:
        leftover = LEFTOVER.fullmatch(sibling.name)
        if leftover is None or leftover["name"] != path.name:
            continue
        if sibling.is_dir() and not sibling.is_symlink():
            shutil.rmtree(sibling, ignore_errors=True)
        else:
            sibling.unlink(missing_ok=True)
