"""Keeps the index of every source in a folder, and decides when an index must be made again."""

import hashlib
import json
import logging
import re
import shutil
import time
from pathlib import Path

from filelock import FileLock

from glip_pl.data.images import HOW_TO_GET_DATA
from glip_pl.data.index import Index
from glip_pl.data.index_integrity import mark_verified, read_sealed, sealed, verify
from glip_pl.data.index_writer import IndexWriter, OutOfImage
from glip_pl.data.problems import Problems
from glip_pl.data.ranges import RANGES, RangedReader, processes, ranges_of, write_in_ranges
from glip_pl.data.records import Reader
from glip_pl.errors import UserError
from glip_pl.files.hashing import SHORT, sha256_of
from glip_pl.files.leftovers import remove_leftovers
from glip_pl.files.writing import partial_folder, write_whole

log = logging.getLogger(__name__)

VERSION = 6
"""Version of the arrays and of the readers' output; indexes of older versions are made again."""

SOURCE = "source.json"
"""File of an index that holds the `stamp` and the `content` hash of its annotation files."""

DAMAGE = (ValueError, KeyError, TypeError)
"""Errors that reading a damaged index raises."""

LONG = 5.0
"""Seconds from which the making of an index is logged."""

SECONDS_PER_GIGABYTE = 75
"""Time to index COCO JSON, as scripts/bench_index.py measured it; used for the estimate only."""


def open_index(
    reader: Reader, folder: Path, out_of_image: OutOfImage = "error", tolerate: float = 0.0
) -> Index:
    """The index of a source below `folder`, made first if there is none or the source changed.

    If several processes call this, one makes it and the others wait. Raises UserError if the
    source is missing, or if a larger share of its items than `tolerate` is bad.
    """
    require_files(reader)
    index_folder = folder.expanduser() / _key(reader, out_of_image, tolerate)
    index = _current(index_folder, reader)
    if index is not None:  # before the lock: the folder may be read-only
        return index
    try:
        index_folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{index_folder}.lock"):
            if not _fits(index_folder, reader):
                _build(index_folder, reader, Problems(tolerate), out_of_image)
            return Index.open(index_folder)
    except OSError as error:
        raise UserError(
            f"cannot make the index of {source_name(reader)} in {index_folder.parent}: {error}. "
            "Set paths.index (or the environment variable GLIP_INDEX) to a folder that can be "
            "written"
        ) from error


def require_files(reader: Reader) -> None:
    """Raise UserError naming the first annotation file that is missing."""
    for file in reader.files:
        if not file.is_file():
            raise UserError(f"no such annotation file: {file}. {HOW_TO_GET_DATA}")


def source_name(reader: Reader) -> str:
    """The name of a source in messages: its first annotation file, or the reader's settings.

    A reader whose first file does not tell its sources apart has a property `source`.
    """
    if isinstance(own := getattr(reader, "source", None), str):
        return own
    return str(reader.files[0]) if reader.files else repr(reader)[:200]


def content_of(index: Index) -> str:
    """Hash of the annotation files that an index was made of."""
    return str(json.loads((index.folder / SOURCE).read_text())["content"])


def _key(reader: Reader, out_of_image: OutOfImage, tolerate: float) -> str:
    """Folder name of an index: the annotation file's name, and a hash of all settings."""
    files = [str(file.absolute()) for file in reader.files]
    settings = repr((VERSION, reader, files, out_of_image, tolerate))
    name = re.sub(r"\W+", "-", Path(files[0]).stem if files else type(reader).__name__)
    return f"{name[:60]}-{hashlib.sha256(settings.encode()).hexdigest()[:SHORT]}"


def _stamp(reader: Reader) -> dict[str, list[int]]:
    """Size and modification time of every file; while they are equal, no content is read again."""
    stats = {str(file): file.stat() for file in reader.files}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _content_hash(reader: Reader) -> str:
    """Hash of the annotation files' content.

    Of shards, which hold the pictures too and may be terabytes, only the stamps are hashed.
    """
    digest = hashlib.sha256()
    for file in reader.files:
        if file.suffix == ".tar":
            digest.update(repr((file.stat().st_size, file.stat().st_mtime_ns)).encode())
        else:
            digest.update(bytes.fromhex(sha256_of(file)))
    return digest.hexdigest()


def _current(folder: Path, reader: Reader) -> Index | None:
    """The index, if an undamaged one exists whose annotation files have kept their stamps."""
    try:
        if read_sealed(folder / SOURCE)["stamp"] != _stamp(reader):
            return None
        index = Index.open(folder)
        verify(folder)
    except (OSError, *DAMAGE):
        return None
    return index


def _fits(folder: Path, reader: Reader) -> bool:
    """Whether an undamaged index of the same content exists; its stamp is brought up to date."""
    try:
        source = read_sealed(folder / SOURCE)
        Index.open(folder)
        verify(folder)
    except OSError:  # there is none
        return False
    except DAMAGE as error:
        message = "the index %s is damaged or of an older version, and is made again: %r"
        log.warning(message, folder, error)
        return False
    stamp = _stamp(reader)
    if source["stamp"] == stamp:
        return True
    if source["content"] != _content_hash(reader):
        return False
    remove_leftovers(folder / SOURCE)
    with write_whole(folder / SOURCE) as partial:
        partial.write_text(json.dumps(sealed({"stamp": stamp, "content": source["content"]})))
    return True


def _build(folder: Path, reader: Reader, problems: Problems, out_of_image: OutOfImage) -> None:
    """Write an index to a temporary folder, which then takes the place of `folder`.

    What killed processes left of earlier attempts is removed; the caller holds the lock.
    """
    remove_leftovers(folder)
    started = time.monotonic()
    source = {"stamp": _stamp(reader), "content": _content_hash(reader)}
    with partial_folder(folder) as partial:
        _write(partial, folder, reader, problems, out_of_image)
        (partial / SOURCE).write_text(json.dumps(sealed(source)))
        mark_verified(partial)
        shutil.rmtree(folder, ignore_errors=True)  # a process that has mapped it keeps its files
        partial.rename(folder)
    if problems.counts:
        log.warning("%s: %s", source_name(reader), problems.summary())
    seconds = time.monotonic() - started
    if seconds > LONG:
        log.info("indexed %s in %.0f s: %s", source_name(reader), seconds, folder)


def _write(
    partial: Path, folder: Path, reader: Reader, problems: Problems, out_of_image: OutOfImage
) -> None:
    """Write the index that will be `folder`, by several processes if the source is large."""
    name, ranges = source_name(reader), ranges_of(reader)
    _log_estimate(reader, min(len(ranges), processes()) or 1)
    if isinstance(reader, RangedReader) and ranges:
        finished = folder.with_name(f"{folder.name}{RANGES}")
        done = write_in_ranges(reader, ranges, partial, finished, name, problems, out_of_image)
        shutil.rmtree(finished, ignore_errors=True)
        if done:
            return
    with IndexWriter(partial, name, problems, out_of_image) as writer:
        writer.write(reader.read(problems))


def _log_estimate(reader: Reader, count: int) -> None:
    """Log how long a large source takes `count` processes; for shards the time is not known."""
    texts = [file for file in reader.files if file.suffix != ".tar"]
    gigabytes = sum(file.stat().st_size for file in texts) / 1e9
    if gigabytes > LONG / SECONDS_PER_GIGABYTE:
        minutes = gigabytes * SECONDS_PER_GIGABYTE / 60 / count
        message = "indexing %s (%.1f GB), which is done once and takes about %.0f min"
        log.info(message, source_name(reader), gigabytes, max(minutes, 1))
