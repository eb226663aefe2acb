"""WebDataset shards, as img2dataset writes them: tar files of picture, text and JSON per key."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image

from glip_pl.data.formats.label_map import (
    joined_names,
    label_map_beside,
    names_in_order,
    read_label_map,
)
from glip_pl.data.formats.web_sample import records_of_sample
from glip_pl.data.formats.webdataset_reader import SampleFile, read_samples
from glip_pl.data.images import HOW_TO_GET_DATA, decode_image, matching
from glip_pl.data.problems import Problems
from glip_pl.data.ranges import Names, RangeContents
from glip_pl.data.records import Contents, Record
from glip_pl.data.shard_cache import ShardCache
from glip_pl.errors import UserError

DEFAULT_CACHE = ShardCache(Path("~/.cache/glip_pl/shards"), gigabytes=100)

SHARDS = 16
"""Shards of a range: at ten thousand samples each, a few minutes for one process."""

Shards = tuple[int, int]
"""The number of the first shard of a range, and of the first one after it."""

MALFORMED = (
    *(LookupError, TypeError, ValueError, ArithmeticError, AttributeError),
    *(RecursionError, OSError, UserError),
)
"""Errors that reading a damaged sample raises; RecursionError if its JSON is nested too deep."""


@dataclass(frozen=True)
class WebImages:
    """Pictures by "<number of the shard>:<byte offset>:<bytes>"."""

    shards: tuple[str, ...]
    cache: ShardCache

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if it is broken or its shard cannot be read."""
        return decode_image(self.read(name), f"{name} of {self.shards[int(name.split(':')[0])]}")

    @property
    def remote(self) -> bool:
        """Whether any shard has to be fetched."""
        return any("://" in shard for shard in self.shards)

    def prefetch(self, name: str) -> None:
        """Begin to fetch the shard of a picture that is needed soon."""
        self.cache.prefetch(self.shards[int(name.split(":")[0])])

    def read(self, name: str) -> bytes:
        """The encoded picture. Raises UserError if its shard cannot be read."""
        number, offset, size = map(int, name.split(":"))
        shard = self.shards[number]
        for _ in range(2):  # another process may have removed the shard from the cache just now
            try:
                with self.cache.local(shard).open("rb") as file:
                    file.seek(offset)
                    return file.read(size)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise UserError(f"cannot read {shard}: {error}") from error
        raise UserError(f"no such shard: {shard}")


@dataclass(frozen=True)
class WebShards:
    """Captions with their pictures; with boxes if a sample's JSON holds `grounding`, as in ODVG.

    `shards` are paths or URLs, folders, globs, or ranges such as cc3m/{00000..00331}.tar. What lies
    at a URL must never change.
    """

    shards: str | Sequence[str]
    # Of detection data; None: label_map.json beside local shards, or else the names of the boxes.
    label_map: str | Path | None = None
    cache: ShardCache = field(default=DEFAULT_CACHE, repr=False)

    @cached_property
    def locations(self) -> tuple[str, ...]:
        """Path or URL of every shard. Raises UserError if a pattern matches none."""
        patterns = [self.shards] if isinstance(self.shards, str) else self.shards
        return tuple(location for pattern in patterns for location in _expand(str(pattern)))

    @property
    def files(self) -> Sequence[Path]:
        """The local shards, and the label map or the label maps beside them."""
        return [*self._local(), *self._label_maps()]

    def _local(self) -> list[Path]:
        return [Path(location) for location in self.locations if "://" not in location]

    def _label_maps(self) -> list[Path]:
        if self.label_map is not None:
            return [Path(self.label_map)]
        beside = (label_map_beside(shard) for shard in self._local())
        return list(dict.fromkeys(path for path in beside if path is not None))

    def open_images(self) -> WebImages:
        """The pictures inside the shards."""
        return WebImages(self.locations, self.cache)

    def read(self, problems: Problems) -> Contents:
        """One record per sample; a truncated shard gives those before the cut.

        Without a label map the names are complete once the records have been read.
        """
        names = self._mapped_names()
        collected: dict[int, str] | None = {} if names is None else None
        names = names or []
        return Contents(self._all_records(names, collected, problems), names)

    def ranges(self) -> list[Shards]:
        """Neighbouring shards."""
        end = len(self.locations)
        return [(first, min(first + SHARDS, end)) for first in range(0, end, SHARDS)]

    def stamp_of(self, shards: Shards) -> list[Any]:
        """Names of the shards of a range; of local ones also size and modification time."""
        local = [Path(name) for name in self.locations[slice(*shards)] if "://" not in name]
        stats = [path.stat() for path in local if path.is_file()]
        return [*self.locations[slice(*shards)], *([s.st_size, s.st_mtime_ns] for s in stats)]

    def read_range(self, shards: Shards, problems: Problems) -> RangeContents:
        """The records of some shards."""
        names = self._mapped_names()
        collected: dict[int, str] | None = {} if names is None else None
        ids = count()
        records = self._records(names or [], collected, problems, ids, range(*shards))
        return RangeContents(records, ids, {} if collected is None else collected)

    def all_names(self, of_ranges: Sequence[Names], flawed: bool) -> list[str] | None:
        """The categories; None if ranges give a label different names.

        A label without a name may have one in an earlier range: then the sample is not bad.
        """
        if (names := self._mapped_names()) is not None:
            return names
        if flawed and any(of_ranges):
            return None
        joined = joined_names(of_ranges)
        return None if joined is None else names_in_order(joined, Path(self.locations[0]))

    def _mapped_names(self) -> list[str] | None:
        """The names of the label maps; None without any. Raises UserError if they differ."""
        maps = {path: read_label_map(path) for path in self._label_maps()}
        if len(set(map(tuple, maps.values()))) > 1:
            raise UserError(
                f"the label maps {' and '.join(map(str, maps))} differ, so that the shards beside "
                "them cannot be one source"
            )
        return next(iter(maps.values()), None)

    def _all_records(
        self, names: list[str], collected: dict[int, str] | None, problems: Problems
    ) -> Iterator[Record]:
        """The records; with `collected`, names that the boxes give are added to both at the end."""
        yield from self._records(names, collected, problems, count(), range(len(self.locations)))
        if collected:
            names += names_in_order(collected, Path(self.locations[0]))

    def _records(
        self,
        names: Sequence[str],
        collected: dict[int, str] | None,
        problems: Problems,
        image_ids: Iterator[int],
        shards: range,
    ) -> Iterator[Record]:
        """The records of some shards; names that the boxes give are added to `collected`."""
        for shard in shards:
            location = self.locations[shard]
            for key, files in self._samples(location, problems):
                image_id = next(image_ids)
                try:
                    records = records_of_sample(files, shard, image_id, names, collected)
                except MALFORMED as error:
                    message = f"{location}: the sample {key!r} is malformed: {error!s:.200}"
                    problems.error("malformed sample", message, image_id + 1)
                else:
                    yield from records

    def _samples(
        self, location: str, problems: Problems
    ) -> Iterator[tuple[str, dict[str, SampleFile]]]:
        """The samples of a shard up to its end, or up to where it is cut off or damaged."""
        try:
            yield from read_samples(self.cache.local(location), location)
        except UserError as error:
            problems.error("shard that is missing, cut off or damaged", str(error))


_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def _expand(pattern: str) -> list[str]:
    """Paths or URLs of a pattern. Raises UserError if no file matches it."""
    match = _RANGE.search(pattern)
    if match:
        first, last = match.groups()
        numbers = [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        return [
            location
            for number in numbers
            for location in _expand(pattern[: match.start()] + number + pattern[match.end() :])
        ]
    if "://" in pattern:
        return [pattern]
    folder = Path(pattern)
    paths = sorted(folder.glob("*.tar")) if folder.is_dir() else matching(pattern)
    if not paths:
        raise UserError(f"no such shard: {pattern}. {HOW_TO_GET_DATA}")
    return [str(path) for path in paths]
