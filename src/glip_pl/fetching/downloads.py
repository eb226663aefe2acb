"""Downloads that survive lost connections and are verified when they are complete."""

import errno
import hashlib
import shutil
import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from glip_pl.errors import UserError

CHUNK = 1 << 20
"""Bytes that are read at a time."""

TRIES = 5
"""Tries in a row without a single new byte after which a download is given up."""

TIMEOUT = 60
"""Seconds without a byte after which a connection counts as lost."""

ARCHIVE_SPACE = 2.2
"""Free disk space that an archive needs, in multiples of its size: for itself and its content."""

RETRY_STATUS = {408, 429}
"""HTTP status codes below 500 after which trying again helps."""

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EISDIR}
"""Errors of the local disk, after which trying again does not help."""


@dataclass(frozen=True)
class File:
    """A file of a dataset, as fetching/sources.yaml describes it."""

    url: str
    to: str  # a folder below the data folder
    sha256: str | None = None
    md5: str | None = None
    bytes: int | None = None
    unpack: bool = False
    flat: bool = False  # unpack without the folders inside the archive

    @property
    def name(self) -> str:
        """The file's own name, the last part of its address."""
        return PurePosixPath(self.url).name


def download(file: File, path: Path, pause: float) -> None:
    """Download a file to `path`, complete and verified, with growing pauses between tries.

    Raises UserError if the publisher does not deliver it, OSError if the disk does not take it.
    """
    part = path.with_name(f"{path.name}.part")
    largest, failures = _size(part), 0
    while True:
        try:
            _receive(file, part)
            break
        except (OSError, HTTPException) as error:
            failures = 1 if _size(part) > largest else failures + 1
            largest = max(largest, _size(part))
            _check_worth_retrying(file, part, error, failures)
            time.sleep(pause * failures)
    if fault := fault_of(file, part):
        part.unlink()
        raise UserError(
            f"{file.url} is not the file that fetching/sources.yaml describes: {fault}. It was "
            "removed; run the command again, and look at the publisher's page if it repeats"
        )
    part.replace(path)


def _check_worth_retrying(
    file: File, part: Path, error: OSError | HTTPException, failures: int
) -> None:
    """Raise the error, or a UserError that explains it, if another try would not help."""
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        raise error
    if isinstance(error, HTTPError) and error.code < 500 and error.code not in RETRY_STATUS:
        raise UserError(
            f"{file.url} answers {error.code} {error.reason}. See where its publisher has "
            "it now, and correct fetching/sources.yaml"
        ) from error
    if failures == TRIES:
        raise UserError(
            f"{file.url} cannot be reached: {error}. What has come is kept in {part}; "
            "run the command again to go on"
        ) from error


def _receive(file: File, part: Path) -> None:
    """Append the missing bytes to `part`. Raises UserError, or the error of the connection."""
    have = _size(part)
    rest = {"Range": f"bytes={have}-"} if have else {}
    try:
        request = Request(file.url, headers={"User-Agent": "glip_pl", **rest})
        response = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and have:  # no byte follows those in `part`: it is complete
            return
        raise
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with response, Progress(*columns, transient=True) as progress:
        resumed = response.status == 206
        have = have if resumed else 0
        left = response.headers.get("Content-Length")
        total = have + int(left) if left else file.bytes
        _check_space(file, part.parent, have, total or 0)
        task = progress.add_task(file.name, total=total, completed=have)
        with part.open("ab" if resumed else "wb") as out:
            while chunk := response.read(CHUNK):
                out.write(chunk)
                progress.advance(task, len(chunk))
    if total is not None and _size(part) < total:
        raise OSError(f"{_size(part)} of {total} bytes came")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check_space(file: File, folder: Path, have: int, total: int) -> None:
    need = (ARCHIVE_SPACE if file.unpack else 1) * total - have
    free = shutil.disk_usage(folder).free
    if free < need:
        raise UserError(
            f"{file.name} needs {need / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB left. "
            "Make room, or give another folder: --to <folder>"
        )


def fault_of(file: File, path: Path) -> str | None:
    """How a complete file differs from its description; None if it does not."""
    if file.bytes is not None and _size(path) != file.bytes:
        return f"{_size(path)} bytes instead of {file.bytes}"
    for algorithm, expected in (("sha256", file.sha256), ("md5", file.md5)):
        if expected is not None:
            with path.open("rb") as data:
                actual = hashlib.file_digest(data, algorithm).hexdigest()
            if actual != expected:
                return f"its {algorithm} is {actual} instead of {expected}"
    return None
