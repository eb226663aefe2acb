"""Unpacks archives without trusting the names inside them."""

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from glip_pl.errors import UserError

CHUNK = 1 << 20
"""Bytes that are copied at a time."""

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
"""Errors that a damaged archive raises."""


def unpack(archive: Path, folder: Path, flat: bool) -> None:
    """Write all regular files of a zip or tar archive below `folder`; `flat` drops their folders.

    Links are left out, so no later name can go through one. Raises UserError if a name leads out
    of the folder, or if the archive is damaged.
    """
    members = _zip_members if archive.suffix == ".zip" else _tar_members
    try:
        for name, data in members(archive):
            _write(data, folder, name, flat)
    except DAMAGE as error:
        reason = str(error).partition(":\n")[0]  # tarfile adds a line for each kind of archive
        raise UserError(f"{archive} is damaged ({reason}); remove it and run again") from error


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as members:
        for member in [member for member in members.infolist() if not member.is_dir()]:
            with members.open(member) as data:
                yield member.filename, data


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive) as members:
        for member in members:
            if member.isreg() and (data := members.extractfile(member)):
                yield member.name, data


def _write(data: IO[bytes], folder: Path, name: str, flat: bool) -> None:
    inner = Path(PurePosixPath(name).name if flat else name)
    if inner.anchor or ".." in inner.parts:
        raise UserError(
            f"an archive for {folder} holds {name!r}, which leads out of it. Do not use the archive"
        )
    path = folder / inner
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        shutil.copyfileobj(data, out, CHUNK)
