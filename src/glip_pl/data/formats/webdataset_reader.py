"""Reading of WebDataset shards: in the tar files, adjacent members with one key are a sample."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO


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


def read_samples(path: Path) -> Iterator[tuple[str, dict[str, SampleFile]]]:
    """The key of each sample and its files by suffix, such as ".json", in lower case.

    The key is a member's name up to its first dot; it is never used as a path. Files can be read
    until the next sample is requested. If the shard is truncated, TarError or EOFError is raised
    after the last sample that lies before the cut.
    """
    with path.open("rb") as shard:
        yield from _group(_members(path, shard))


def _group(
    members: Iterator[tuple[str, SampleFile]],
) -> Iterator[tuple[str, dict[str, SampleFile]]]:
    key, files = "", dict[str, SampleFile]()
    cut: Exception | None = None
    try:
        for name, file in members:
            folder, _, file_name = name.rpartition("/")
            stem, _, suffix = file_name.partition(".")
            if files and f"{folder}/{stem}" != key:
                yield key, files
                files = {}
            key = f"{folder}/{stem}"
            files[f".{suffix.lower()}"] = file
    except (tarfile.TarError, EOFError) as error:
        cut = error
    if files:
        yield key, files
    if cut is not None:
        raise cut


def _members(path: Path, shard: IO[bytes]) -> Iterator[tuple[str, SampleFile]]:
    """Name and position of every regular file. Raises TarError at one that is cut off."""
    end = path.stat().st_size
    with tarfile.open(path, "r:") as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # untyped; it would keep every header
            if not member.isreg() or member.issparse():
                continue
            if member.offset_data + member.size > end:
                raise tarfile.ReadError(f"{member.name!r} is cut off")
            yield member.name, SampleFile(member.offset_data, member.size, shard)
