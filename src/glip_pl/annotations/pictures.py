"""Puts copies of pictures into folders of annotations."""

import shutil
from pathlib import Path


def place_picture(source: Path, target: Path) -> None:
    """Copy a picture if it is a file; pictures that exist only in memory have none.

    It is no link: programs that turn or shrink the pictures of a dataset would change the original.
    """
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
