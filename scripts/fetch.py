"""Fetch public datasets from their publishers: `python -m scripts.fetch coco lvis --to data`.

A download that was cut goes on where it stopped; what is complete is not fetched again.
"""

import argparse
import errno
import gzip
import hashlib
import shutil
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import yaml
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from glip_pl.errors import UserError

SOURCES = Path(__file__).with_name("sources.yaml")
CHUNK = 1 << 20
TRIES = 5  # in a row that come no further
SILENCE = 60  # seconds without a byte after which a connection counts as lost
ROOM = 2.2  # free space that an archive wants, in its sizes: itself and what is in it
BUSY = {408, 429}  # answers below 500 after which trying again helps
LOCAL = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EISDIR}
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@dataclass(frozen=True)
class File:
    """One file of a dataset at its publisher."""

    url: str
    to: str  # a folder below the data folder
    sha256: str | None = None
    md5: str | None = None
    bytes: int | None = None
    unpack: bool = False
    flat: bool = False  # unpack without the folders inside the archive

    @property
    def name(self) -> str:
        return PurePosixPath(self.url).name


def sources(listing: Path = SOURCES) -> dict[str, Any]:
    """What can be fetched, by name."""
    content: dict[str, Any] = yaml.safe_load(listing.read_text())
    return content


def files_of(entry: dict[str, Any]) -> Iterator[File]:
    """The files of a dataset; `names` stands for one file each."""
    for one in entry.get("files", ()):
        fields = dict(one)
        for name in fields.pop("names", [""]):
            yield File(**{**fields, "url": fields["url"].replace("{name}", name)})


def fetch(file: File, root: Path, pause: float = 5.0) -> None:
    """Download, verify and unpack one file. Raises UserError; `pause` lies between tries."""
    folder, done = root / file.to, root / ".fetched" / file.to / f"{file.name}.done"
    if done.exists():
        print(f"{file.name}: is there already; remove {done} to fetch it again")
        return
    path = folder / file.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ours = not path.exists()
        if ours:
            download(file, path, pause)
        elif fault := _fault(file, path):
            raise UserError(
                f"{path} is not what {file.url} gives: {fault}. Move it away, run again"
            )
        if file.unpack:
            print(f"{file.name}: unpacking")
            unpack(path, folder, file.flat)
            if ours:
                path.unlink()
            else:
                print(f"{path} is not needed any more; it was there before and is left alone")
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()
    except OSError as error:
        raise UserError(
            f"{file.name} cannot be put into {folder}: {error}. "
            "Mend that, or give another folder: --to <folder>"
        ) from error


def download(file: File, path: Path, pause: float) -> None:
    """The file at `path`, whole and verified. Raises UserError, and OSError of the disk."""
    part = path.with_name(f"{path.name}.part")
    most, failures = _size(part), 0
    while True:
        try:
            _receive(file, part)
            break
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.errno in LOCAL:
                raise
            if isinstance(error, HTTPError) and error.code < 500 and error.code not in BUSY:
                raise UserError(
                    f"{file.url} answers {error.code} {error.reason}. See where its publisher has "
                    "it now, and correct scripts/sources.yaml"
                ) from error
            failures = 1 if _size(part) > most else failures + 1
            most = max(most, _size(part))
            if failures == TRIES:
                raise UserError(
                    f"{file.url} cannot be reached: {error}. What has come is kept in {part}; "
                    "run the command again to go on"
                ) from error
            time.sleep(pause * failures)
    if fault := _fault(file, part):
        part.unlink()
        raise UserError(
            f"{file.url} is not the file that scripts/sources.yaml describes: {fault}. It was "
            "removed; run the command again, and look at the publisher's page if it repeats"
        )
    part.replace(path)


def _receive(file: File, part: Path) -> None:
    """Append what is missing. Raises UserError, or what breaks the connection."""
    have = _size(part)
    rest = {"Range": f"bytes={have}-"} if have else {}
    try:
        request = Request(file.url, headers={"User-Agent": "glip_pl", **rest})
        response = urlopen(request, timeout=SILENCE)
    except HTTPError as error:
        if error.code == 416 and have:  # nothing lies behind what we have
            return
        raise
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with response, Progress(*columns, transient=True) as progress:
        resumed = response.status == 206
        have = have if resumed else 0
        left = response.headers.get("Content-Length")
        total = have + int(left) if left else file.bytes
        _check_room(file, part.parent, have, total or 0)
        task = progress.add_task(file.name, total=total, completed=have)
        with part.open("ab" if resumed else "wb") as out:
            while chunk := response.read(CHUNK):
                out.write(chunk)
                progress.advance(task, len(chunk))
    if total is not None and _size(part) < total:
        raise OSError(f"{_size(part)} of {total} bytes came")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _check_room(file: File, folder: Path, have: int, total: int) -> None:
    need, free = (ROOM if file.unpack else 1) * total - have, shutil.disk_usage(folder).free
    if free < need:
        raise UserError(
            f"{file.name} needs {need / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB left. "
            "Make room, or give another folder: --to <folder>"
        )


def _fault(file: File, path: Path) -> str | None:
    """What is wrong with a file that is complete, as far as its source says."""
    if file.bytes is not None and _size(path) != file.bytes:
        return f"{_size(path)} bytes instead of {file.bytes}"
    for kind, wanted in (("sha256", file.sha256), ("md5", file.md5)):
        if wanted is not None:
            with path.open("rb") as content:
                found = hashlib.file_digest(content, kind).hexdigest()
            if found != wanted:
                return f"its {kind} is {found} instead of {wanted}"
    return None


def unpack(archive: Path, folder: Path, flat: bool) -> None:
    """All plain files of an archive, below `folder`. Raises UserError if a name leads out of it.

    Links are left out, so no later name can go through one.
    """
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as content:
                for entry in content.infolist():
                    if not entry.is_dir():
                        with content.open(entry) as source:
                            _write(source, folder, entry.filename, flat)
        else:
            with tarfile.open(archive) as members:
                for member in members:
                    if member.isreg() and (inside := members.extractfile(member)):
                        _write(inside, folder, member.name, flat)
    except DAMAGE as error:
        what = str(error).partition(":\n")[0]  # tarfile adds a line for each kind of archive
        raise UserError(f"{archive} is damaged ({what}); remove it and run again") from error


def _write(source: IO[bytes], folder: Path, name: str, flat: bool) -> None:
    inner = Path(PurePosixPath(name).name if flat else name)
    if inner.anchor or ".." in inner.parts:
        raise UserError(
            f"an archive for {folder} holds {name!r}, which leads out of it. Do not use the archive"
        )
    path = folder / inner
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        shutil.copyfileobj(source, out, CHUNK)


def run(names: list[str], root: Path, known: dict[str, Any]) -> None:
    """Fetch datasets by name. Raises UserError."""
    for name in names:
        if name not in known:
            raise UserError(f"no such dataset: {name}. There are {', '.join(known)}")
    for name in names:
        if "manual" in known[name]:
            print(f"{name}: by hand. {known[name]['manual']}")
        for file in files_of(known[name]):
            fetch(file, root)


def main() -> None:
    known = sources()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(known))
    parser.add_argument("--to", type=Path, default=Path("data"), help="the data folder (data)")
    parser.add_argument("--list", action="store_true", help="what there is, and from where")
    given = parser.parse_args()
    try:
        if given.list or not given.names:
            for name, entry in known.items():
                print(f"{name}: {entry.get('manual', '')}")
                for file in files_of(entry):
                    print(f"  {file.url}")
            return
        run(given.names, given.to, known)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
