"""Reading of WebDataset shards: in the tar files, adjacent members with one key are a sample."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from glip_pl.data.file_kinds import foreign_kind
from glip_pl.errors import UserError

COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "rar",
}
"""First bytes of compressed archives, in which no picture can be found by its offset."""

REMEDY = "fetch or write the shard again"

MAX_HEADER = 1 << 20
"""Bytes of a header that are read at most; one with a long file name has some thousand."""


@dataclass(frozen=True)
class SampleFile:
    """One file of a sample, whose content is read only on demand."""

    offset: int  # bytes from the start of the shard
    size: int  # bytes
    shard: IO[bytes]

    def read(self) -> bytes:
        """The content of the file, while the shard is open."""
        self.shard.seek(self.offset)
        return self.shard.read(self.size)


def read_samples(path: Path, name: str) -> Iterator[tuple[str, dict[str, SampleFile]]]:
    """The key of each sample and its files by suffix, such as ".json", in lower case.

    The key is a member's name up to its first dot; it is never used as a path. Files can be read
    until the next sample is requested. `name` is the shard's name in messages. If the shard is
    damaged, or is cut off, so that a member or the block that ends every archive is missing,
    UserError is raised after the last sample that is certainly whole.
    """
    try:
        with path.open("rb") as shard:
            _refuse_compressed(shard)
            yield from _group(_members(path, shard), path.stat().st_size)
    except tarfile.TarError as error:
        raise UserError(f"the shard {name} {error}") from error
    except OSError as error:
        raise UserError(f"the shard {name} cannot be read: {error}") from error


def _refuse_compressed(shard: IO[bytes]) -> None:
    """Raise ReadError for an empty file and for archives of another kind."""
    start = shard.read(8)
    if not start:
        raise tarfile.ReadError("is empty")
    for magic, kind in COMPRESSED.items():
        if start.startswith(magic):
            raise tarfile.ReadError(f"is a {kind} archive: unpack it, so that it is a plain tar")


def _group(
    members: Iterator[tuple[str, SampleFile]], end: int
) -> Iterator[tuple[str, dict[str, SampleFile]]]:
    """Samples of members. Raises ReadError at a member that reaches beyond `end`."""
    key, files = "", dict[str, SampleFile]()
    for name, file in members:
        folder, _, file_name = name.rpartition("/")
        stem, _, suffix = file_name.partition(".")
        if files and f"{folder}/{stem}" != key:
            yield key, files
            files = {}
        if file.offset + file.size > end:
            raise tarfile.ReadError(f"ends early: {name!r} is cut off; {REMEDY}")
        key = f"{folder}/{stem}"
        files[f".{suffix.lower()}"] = file
    if files:
        yield key, files


def _members(path: Path, shard: IO[bytes]) -> Iterator[tuple[str, SampleFile]]:
    """Name and position of every regular file.

    Raises ReadError after the last one if the archive does not end as it must.
    """
    with _Headers(io.FileIO(path)) as headers, _open_tar(headers) as tar:
        while (member := _next_member(tar)) is not None:
            tar.members = []  # type: ignore[attr-defined]  # untyped; it would keep every header
            if member.isreg() and not member.issparse():
                yield member.name, SampleFile(member.offset_data, member.size, shard)
        _require_end(headers, tar.offset)


class _Headers(io.BufferedReader):
    """A file from which headers are read, and nothing that is longer than a header may be."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size)


UNREADABLE = (tarfile.TarError, EOFError, ValueError, LookupError, ArithmeticError, RecursionError)
"""Errors that `tarfile` raises on damaged headers."""


def _open_tar(headers: IO[bytes]) -> tarfile.TarFile:
    """Raises ReadError if the file does not start as a tar file."""
    try:
        return tarfile.open(fileobj=headers, mode="r:")
    except UNREADABLE as error:
        headers.seek(0)
        kind = foreign_kind(headers.read(64))  # such as the page of a server that refuses
        what = f"is no tar archive but {kind}" if kind else f"is no tar archive: {error}"
        raise tarfile.ReadError(what) from error


def _next_member(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    """The next member, or None where no header follows. Raises ReadError if it is damaged."""
    try:
        member = tar.next()
    except UNREADABLE as error:
        raise _damaged(tar.offset, error) from error
    if member is not None and member.size < 0:  # would lead back to an earlier member for ever
        raise _damaged(member.offset, f"{member.size} bytes")
    return member


def _require_end(headers: IO[bytes], offset: int) -> None:
    """Raise ReadError unless the two empty blocks lie at `offset` that end every archive.

    `tarfile` takes a missing or a damaged header for the end too.
    """
    headers.seek(offset)
    end = headers.read(2 * tarfile.BLOCKSIZE)
    if any(end):
        raise _damaged(offset, "no header")
    if len(end) < 2 * tarfile.BLOCKSIZE:
        raise tarfile.ReadError(
            f"ends early: its last {2 * tarfile.BLOCKSIZE} bytes, which are empty in every whole "
            f"archive, are missing at byte {offset}; {REMEDY}"
        )


def _damaged(offset: int, what: object) -> tarfile.ReadError:
    return tarfile.ReadError(f"is damaged at byte {offset}: {what}; {REMEDY}")
