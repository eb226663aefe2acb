"""Files and folders that appear complete or not at all, whatever interrupts their writing."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

PARTIAL = ".partial"
"""Suffix of unfinished files and folders."""


def partial_path(path: Path) -> Path:
    """A path in the same folder that no other process uses, not even on another machine."""
    return path.with_name(f".{path.name}.{uuid4().hex}{PARTIAL}")


@contextmanager
def write_whole(path: Path, kept: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path to write to; it replaces `path` when the block ends without an error.

    Both are in one folder, which is made if it is missing, so that the replacement is atomic. After
    an error the temporary file is removed and `path` is unchanged. The temporary name ends in
    PARTIAL, so a writer that infers the format from the suffix needs the format as an argument.
    The file that was at `path` before is then at `kept`, in the same folder, if that is given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())  # without it a power cut could leave an empty file
        if kept is not None and path.is_file():
            _give_second_name(path, kept)
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _give_second_name(path: Path, name: Path) -> None:
    """Make a file appear under a second name too, whatever was there; `path` never disappears."""
    partial = partial_path(name)
    try:
        try:
            os.link(path, partial)
        except OSError:  # the file system has no hard links
            shutil.copyfile(path, partial)
        partial.replace(name)
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Force new names in a folder onto the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    except OSError:  # some file systems of networks
        pass
    finally:
        os.close(descriptor)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all. Raises ValueError for NaN and infinity, unknown to JSON."""
    with write_whole(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")


@contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """Yield a new, empty folder beside `path`, to be filled and renamed to `path` in the block.

    If it still has its temporary name after the block, it is removed with all that it holds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
