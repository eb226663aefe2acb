"""Where indexes are kept, and when one is made again."""

import hashlib
import json
import logging
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from glip_pl.data.images import HOW_TO_GET_DATA
from glip_pl.data.index import Index
from glip_pl.data.index_writer import IndexWriter, OutOfImage
from glip_pl.data.problems import Problems
from glip_pl.data.records import Reader
from glip_pl.errors import UserError

log = logging.getLogger(__name__)

VERSION = 3
"""Of the arrays and of what readers make of a file; a new one makes old indexes unknown."""


WORTH_TELLING = 5.0
"""Seconds of work that people are told about."""

SECONDS_PER_GIGABYTE = 75
"""Of COCO JSON, as scripts/bench_index.py measured; only for the estimate."""


def open_index(
    reader: Reader, folder: Path, out_of_image: OutOfImage = "error", tolerate: float = 0.0
) -> Index:
    """The index of a source below `folder`, made first if there is none or the source changed.

    Of several processes one makes it and the others wait. Raises UserError if the source is
    missing, or has more bad items than the share `tolerate`.
    """
    require_files(reader)
    place = folder.expanduser() / _key(reader, out_of_image, tolerate)
    found = _current(place, reader)
    if found is not None:  # also in a folder that may only be read
        return found
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{place}.lock"):
            if not _fits(place, reader):
                _build(place, reader, Problems(tolerate), out_of_image)
            return Index.open(place)
    except OSError as error:
        raise UserError(
            f"cannot make the index of {source_name(reader)} in {place.parent}: {error}. Set "
            "paths.index (or the environment variable GLIP_INDEX) to a folder that can be written"
        ) from error


def require_files(reader: Reader) -> None:
    """Raise UserError naming the first annotation file that is absent."""
    for file in reader.files:
        if not file.is_file():
            raise UserError(f"no such annotation file: {file}. {HOW_TO_GET_DATA}")


def _key(reader: Reader, out_of_image: OutOfImage, tolerate: float) -> str:
    """A folder name that tells the source to people, and its settings by a hash."""
    files = [str(file.absolute()) for file in reader.files]
    settings = repr((VERSION, reader, files, out_of_image, tolerate))
    name = re.sub(r"\W+", "-", Path(files[0]).stem if files else type(reader).__name__)
    return f"{name[:60]}-{hashlib.sha256(settings.encode()).hexdigest()[:16]}"


def _stamp(reader: Reader) -> dict[str, list[int]]:
    """Size and time of change of every file: while they stay, contents are not read again."""
    stats = {str(file): file.stat() for file in reader.files}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _content_hash(reader: Reader) -> str:
    """Of what the annotation files hold; of shards, terabytes of pictures, only the stamps."""
    whole = hashlib.sha256()
    for file in reader.files:
        if file.suffix == ".tar":
            whole.update(repr((file.stat().st_size, file.stat().st_mtime_ns)).encode())
            continue
        with file.open("rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()


def _current(place: Path, reader: Reader) -> Index | None:
    """The index, if an undamaged one is there, of files that nobody has touched since."""
    try:
        index = Index.open(place)
        source = json.loads((place / "source.json").read_text())
        return index if source["stamp"] == _stamp(reader) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fits(place: Path, reader: Reader) -> bool:
    """Whether an undamaged index of the same content is there."""
    try:
        if _current(place, reader) is not None:
            return True
        Index.open(place)
        source: dict[str, Any] = json.loads((place / "source.json").read_text())
        if source["content"] != _content_hash(reader):
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    (place / "source.json").write_text(json.dumps({**source, "stamp": _stamp(reader)}))
    return True


def content_of(index: Index) -> str:
    """Hash of the annotation files that an index was made of."""
    return str(json.loads((index.folder / "source.json").read_text())["content"])


def _build(place: Path, reader: Reader, problems: Problems, out_of_image: OutOfImage) -> None:
    """Write an index beside its place and move it there: what stands there is always whole."""
    started = time.monotonic()
    texts = [file for file in reader.files if file.suffix != ".tar"]
    gigabytes = sum(file.stat().st_size for file in texts) / 1e9
    if gigabytes > WORTH_TELLING / SECONDS_PER_GIGABYTE:
        minutes = gigabytes * SECONDS_PER_GIGABYTE / 60
        message = "indexing %s (%.1f GB): once, for about %.0f min"
        log.info(message, source_name(reader), gigabytes, max(minutes, 1))
    source = {"stamp": _stamp(reader), "content": _content_hash(reader)}
    half = place.with_name(f"{place.name}.{os.getpid()}.tmp")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    try:
        with IndexWriter(half, source_name(reader), problems, out_of_image) as writer:
            writer.write(reader.read(problems))
        (half / "source.json").write_text(json.dumps(source))
        shutil.rmtree(place, ignore_errors=True)  # who has mapped it keeps it
        half.rename(place)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    if problems.counts:
        log.warning("%s: %s", source_name(reader), problems.summary())
    seconds = time.monotonic() - started
    if seconds > WORTH_TELLING:
        log.info("indexed %s in %.0f s: %s", source_name(reader), seconds, place)


def source_name(reader: Reader) -> str:
    """How messages call a source: its first file, or what it reads."""
    return str(reader.files[0]) if reader.files else repr(reader)[:200]
