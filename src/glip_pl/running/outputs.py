"""Checks before the work that its results can be written."""

import tempfile
from pathlib import Path

from glip_pl.errors import UserError


def check_folder(folder: Path, setting: str) -> None:
    """Raise UserError unless files can be written into a folder, which need not exist yet."""
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UserError(
            f"cannot write into the folder {folder}: {error.strerror or error} (the setting "
            f"`{setting}`)"
        ) from error


def check_file(file: Path, setting: str) -> None:
    """Raise UserError unless a file can be written, in place of an older one if there is one."""
    if file.is_dir():
        raise UserError(f"{file} is a folder: name a file (the setting `{setting}`)")
    check_folder(file.parent, setting)
