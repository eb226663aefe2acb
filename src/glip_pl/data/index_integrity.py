"""Notices that the files of an index are no longer those that were written."""

import logging
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glip_pl.data.index import COLUMNS
from glip_pl.files.hashing import key_of
from glip_pl.files.reading import read_json
from glip_pl.files.writing import write_json

log = logging.getLogger(__name__)

SMALL = 256 << 20
"""Bytes of an index up to which it is verified each time it is opened, in some 0.2 s at most."""

VERIFIED = "verified.json"
"""File of an index above SMALL: size and modification time of its columns when last verified."""

CHECKSUM = "checksum"
"""Key of a sealed JSON object that holds the checksum of all others."""

CHUNK = 1 << 20
"""Bytes that are read at a time."""


def verify(folder: Path) -> None:
    """Raise ValueError naming a file of the index that is not as it was written.

    The checksums of the columns are CRC-32, which are several times as fast as SHA-256: they
    protect against damage, not against intent. Small indexes are verified at each call. An index
    above SMALL is read again only if the size or the modification time of a column is another than
    when it was last verified or written, so that no start waits for gigabytes; a disk that changes
    bytes without a trace is noticed in small indexes only. Loader workers map an index without
    verifying it again. Raises OSError, KeyError or TypeError if the index is incomplete.
    """
    checksums = read_sealed(folder / "meta.json")["checksums"]
    stamps = _stamps(folder)
    if _is_large(stamps) and stamps == _verified_stamps(folder):
        return
    for name in COLUMNS:
        path = folder / f"{name}.bin"
        if _crc32_of(path) != checksums[name]:
            raise ValueError(f"{path} is damaged")
    _record(folder, stamps)  # as they were before the columns were read


def mark_verified(folder: Path) -> None:
    """Record that an index is as it was written, so that a large one is not read again."""
    _record(folder, _stamps(folder))


def checksum_of(folder: Path) -> str:
    """The checksum of an index, to which those of its columns belong."""
    return str(read_json(folder / "meta.json")[CHECKSUM])


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with its own checksum."""
    return {**content, CHECKSUM: key_of(content)}


def read_sealed(path: Path) -> dict[str, Any]:
    """A sealed JSON object. Raises OSError, KeyError, TypeError, or ValueError if it is damaged."""
    content = read_json(path)
    if content[CHECKSUM] != key_of({key: content[key] for key in content if key != CHECKSUM}):
        raise ValueError(f"{path} is damaged")
    return dict(content)


def _record(folder: Path, stamps: Mapping[str, list[int]]) -> None:
    if _is_large(stamps):
        try:
            write_json(folder / VERIFIED, stamps)
        except OSError as error:  # the folder may be read-only
            log.info("%s is verified each time it is opened: %s", folder, error)


def _stamps(folder: Path) -> dict[str, list[int]]:
    """Size and modification time of each column."""
    stats = {name: (folder / f"{name}.bin").stat() for name in COLUMNS}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _is_large(stamps: Mapping[str, list[int]]) -> bool:
    return sum(size for size, _ in stamps.values()) > SMALL


def _verified_stamps(folder: Path) -> object:
    """The stamps of the last verification; None if there was none."""
    try:
        return read_json(folder / VERIFIED)
    except (OSError, ValueError):
        return None


def _crc32_of(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
