"""WebDataset shards, as img2dataset writes them: tar files of picture, text and JSON per key."""

import json
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from PIL import Image

from glip_pl.data.formats.odvg import read_label_map, record_of
from glip_pl.data.images import HOW_TO_GET_DATA, SUFFIXES, decode_image, matching
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record, box_array, captioned
from glip_pl.data.shard_cache import ShardCache
from glip_pl.errors import UserError

DEFAULT_CACHE = ShardCache(Path("~/.cache/glip_pl/shards"), gigabytes=100)


@dataclass(frozen=True)
class WebImages:
    """Pictures by "<number of the shard>:<byte offset>:<bytes>"."""

    shards: tuple[str, ...]
    cache: ShardCache

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if it is broken or its shard out of reach."""
        return decode_image(self.read(name), f"{name} of {self.shards[int(name.split(':')[0])]}")

    def read(self, name: str) -> bytes:
        """The encoded picture. Raises UserError if its shard is out of reach."""
        number, offset, size = map(int, name.split(":"))
        shard = self.shards[number]
        for _ in range(2):  # another process may just have removed it from the cache
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
    """Captions with their pictures; with boxes where a key's JSON holds `grounding`, as in ODVG.

    `shards` are paths or addresses, globs, or ranges such as cc3m/{00000..00331}.tar. Addresses
    are taken not to change.
    """

    shards: str | Sequence[str]
    label_map: str | Path | None = None  # for shards of detection data, as in ODVG
    cache: ShardCache = field(default=DEFAULT_CACHE, repr=False)

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Every shard. Raises UserError if a pattern matches none."""
        patterns = [self.shards] if isinstance(self.shards, str) else self.shards
        return tuple(place for pattern in patterns for place in _expanded(str(pattern)))

    @property
    def files(self) -> Sequence[Path]:
        """The local ones, and the label map."""
        local = [Path(place) for place in self.places if "://" not in place]
        return local if self.label_map is None else [*local, Path(self.label_map)]

    def open_images(self) -> WebImages:
        """The pictures inside the shards."""
        return WebImages(self.places, self.cache)

    def read(self, problems: Problems) -> Contents:
        """One record per key; a truncated shard gives those before the cut."""
        names = [] if self.label_map is None else read_label_map(Path(self.label_map))
        return Contents(self._records(len(names), problems), names)

    def _records(self, categories: int, problems: Problems) -> Iterator[Record]:
        seen = 0
        for number, shard in enumerate(self.places):
            try:
                for key, members in _samples(self.cache.local(shard)):
                    seen += 1
                    try:
                        yield _record(members, number, seen - 1, categories)
                    except (
                        KeyError,
                        TypeError,
                        ArithmeticError,
                        ValueError,
                        AttributeError,
                        UserError,
                    ) as error:
                        message = f"{shard}: the sample {key!r} makes no sense: {error!s:.200}"
                        problems.error("sample that makes no sense", message, seen)
            except (tarfile.TarError, EOFError, OSError, UserError) as error:
                message = f"the shard {shard} ends early: {error}"
                problems.error("shard that is truncated or missing", message)


NONSENSE = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, UserError)
"""What reading a sample that is damaged raises."""

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def _expanded(pattern: str) -> list[str]:
    found = _RANGE.search(pattern)
    if found:
        first, last = found.groups()
        numbers = [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        return [
            place
            for number in numbers
            for place in _expanded(pattern[: found.start()] + number + pattern[found.end() :])
        ]
    if "://" in pattern:
        return [pattern]
    places = matching(pattern)
    if not places:
        raise UserError(f"no such shard: {pattern}. {HOW_TO_GET_DATA}")
    return [str(place) for place in places]


@dataclass(frozen=True)
class _Member:
    """One file of a sample; only small ones are read."""

    offset: int
    size: int
    shard: IO[bytes]

    def read(self) -> bytes:
        self.shard.seek(self.offset)
        return self.shard.read(self.size)


def _samples(path: Path) -> Iterator[tuple[str, dict[str, _Member]]]:
    """Members by their suffix, for each key: neighbours with the same name up to the first dot.

    Names are never used as paths. Raises TarError if the file ends early.
    """
    key, members = "", dict[str, _Member]()
    cut: Exception | None = None
    with path.open("rb") as shard:
        try:
            for name, member in _members(path, shard):
                folder, _, file = name.rpartition("/")
                stem, _, suffix = file.partition(".")
                if members and f"{folder}/{stem}" != key:
                    yield key, members
                    members = {}
                key = f"{folder}/{stem}"
                members[f".{suffix.lower()}"] = member
        except (tarfile.TarError, EOFError) as error:
            cut = error
        if members:
            yield key, members
        if cut is not None:
            raise cut


def _members(path: Path, shard: IO[bytes]) -> Iterator[tuple[str, _Member]]:
    end = path.stat().st_size
    with tarfile.open(path, "r:") as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # untyped; it would keep every header
            if not member.isreg() or member.issparse():
                continue
            if member.offset_data + member.size > end:
                raise tarfile.ReadError(f"{member.name!r} is cut off")
            yield member.name, _Member(member.offset_data, member.size, shard)


MAX_TEXT = 16 << 20
"""Bytes of a sample's JSON or text; what is longer is neither."""


def _record(members: Mapping[str, _Member], shard: int, image_id: int, categories: int) -> Record:
    """A record. Raises KeyError, TypeError, ValueError or UserError if something is missing."""
    picture = next((member for suffix, member in members.items() if suffix in SUFFIXES), None)
    if picture is None:
        raise ValueError(f"it has no picture, only {', '.join(members)}")
    texts = [members[suffix] for suffix in (".json", ".txt") if suffix in members]
    if any(text.size > MAX_TEXT for text in texts):
        raise ValueError("its text is too long")
    content: Any = json.loads(members[".json"].read()) if ".json" in members else {}
    if content.get("height") and content.get("width"):
        size = int(content["height"]), int(content["width"])
    else:
        image = decode_image(picture.read(), "picture")
        size = image.height, image.width
    name = f"{shard}:{picture.offset}:{picture.size}"
    if "grounding" in content or "detection" in content:
        line = {**content, "filename": name, "height": size[0], "width": size[1]}
        return record_of(line, image_id, categories, shard)
    text = members[".txt"].read().decode() if ".txt" in members else content["caption"] or ""
    return captioned(name, size, image_id, box_array([]), str(text).strip(), [], block=shard)
