"""Fetch public datasets from their publishers: `python -m scripts.fetch coco lvis --to data`.

A download that was cut goes on where it stopped; what is complete is not fetched again.
"""

import argparse
import hashlib
import shutil
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import yaml
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from glip_pl.errors import UserError

SOURCES = Path(__file__).with_name("sources.yaml")
CHUNK = 1 << 20
TRIES = 5
SILENCE = 60
"""Seconds without a byte after which a connection counts as lost."""

ROOM = 2.2
"""Free space wanted, in sizes of an archive: itself and what is in it."""


@dataclass(frozen=True)
class File:
    """One file of a dataset at its publisher."""

    url: str
    folder: str  # below the data folder
    md5: str | None = None
    bytes: int | None = None
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
    for one in entry["files"]:
        fields = dict(one)
        for name in fields.pop("names", [""]):
            yield File(**{**fields, "url": fields["url"].replace("{name}", name)})


def fetch(file: File, root: Path, pause: float = 5.0) -> None:
    """Download, verify and unpack one file. Raises UserError; `pause` lies between tries."""
    folder = root / file.folder
    done = root / ".fetched" / file.name
    if done.exists():
        print(f"{file.name}: is there already")
        return
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if file.bytes is not None and free < ROOM * file.bytes:
        raise UserError(
            f"{file.name} needs {ROOM * file.bytes / 1e9:.0f} GB and {folder} has "
            f"{free / 1e9:.0f} GB left. Give another folder: --to <folder>"
        )
    path = folder / file.name
    if not path.exists():
        download(file, path, pause)
    if path.suffix in {".zip", ".tar", ".gz"}:
        print(f"{file.name}: unpacking")
        unpack(path, folder, file.flat)
        path.unlink()
    done.parent.mkdir(exist_ok=True)
    done.touch()


def download(file: File, path: Path, pause: float) -> None:
    """The file at `path`, whole and verified. Raises UserError."""
    part = path.with_name(f"{path.name}.part")
    for attempt in range(1, TRIES + 1):
        try:
            _receive(file, part)
            break
        except (URLError, OSError) as error:
            if isinstance(error, HTTPError) and error.code < 500:
                raise UserError(f"{file.url} answers {error.code} {error.reason}") from error
            if attempt == TRIES:
                raise UserError(
                    f"{file.url} cannot be reached: {error}. What has come is kept in {part}; "
                    "run the command again to go on"
                ) from error
            time.sleep(pause * attempt)
    _verify(file, part)
    part.replace(path)


def _receive(file: File, part: Path) -> None:
    """Append what is missing. Raises URLError or OSError if the connection breaks."""
    have = part.stat().st_size if part.exists() else 0
    request = Request(file.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(request, timeout=SILENCE)
    except HTTPError as error:
        if error.code == 416 and have:  # nothing lies behind what we have
            return
        raise
    with response, _progress() as progress:
        resumed = response.status == 206
        have = have if resumed else 0
        left = response.headers.get("Content-Length")
        total = have + int(left) if left else file.bytes
        task = progress.add_task(file.name, total=total, completed=have)
        with part.open("ab" if resumed else "wb") as out:
            while chunk := response.read(CHUNK):
                out.write(chunk)
                progress.advance(task, len(chunk))
    if total is not None and part.stat().st_size < total:
        raise OSError(f"{part.stat().st_size} of {total} bytes came")


def _progress() -> Progress:
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(TextColumn("{task.description}"), *columns, transient=True)


def _verify(file: File, part: Path) -> None:
    size = part.stat().st_size
    wrong = file.bytes is not None and size != file.bytes
    if not wrong and file.md5 is not None:
        with part.open("rb") as content:
            wrong = hashlib.file_digest(content, "md5").hexdigest() != file.md5
    if wrong:
        part.unlink()
        raise UserError(
            f"{file.url} is not the file that scripts/sources.yaml describes ({size} bytes came). "
            "It was removed; run the command again, and look at the publisher's page if it repeats"
        )


def unpack(archive: Path, folder: Path, flat: bool) -> None:
    """Everything in an archive, below `folder`. Raises UserError if a name leads out of it."""
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as content:
                for entry in content.infolist():
                    if not entry.is_dir():
                        with content.open(entry) as source:
                            _write(source, folder, entry.filename, flat)
        else:
            with tarfile.open(archive) as content_tar:
                for member in content_tar:
                    if member.isreg():
                        file = content_tar.extractfile(member)
                        assert file is not None
                        _write(file, folder, member.name, flat)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise UserError(f"{archive} is damaged ({error}); remove it and run again") from error


def _write(source: IO[bytes], folder: Path, name: str, flat: bool) -> None:
    path = folder / (PurePosixPath(name).name if flat else name)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"an archive for {folder} holds {name!r}, which leads out of it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        shutil.copyfileobj(source, out, CHUNK)


def run(names: list[str], root: Path, known: dict[str, Any]) -> None:
    """Fetch datasets by name. Raises UserError."""
    for name in names:
        if name not in known:
            raise UserError(f"no such dataset: {name}. There are {', '.join(known)}")
        if "manual" in known[name]:
            print(f"{name}: by hand. {known[name]['manual']}")
            continue
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
                print(f"{name}: {entry.get('manual') or ''}")
                for file in files_of(entry) if "files" in entry else ():
                    print(f"  {file.url}")
            return
        run(given.names, given.to, known)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
