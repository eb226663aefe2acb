"""What the folders of indexes and of fetched shards hold, and how it is removed."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Literal

from filelock import FileLock, Timeout

from glip_pl.data.index import COLUMNS
from glip_pl.data.index_integrity import VERIFIED, read_sealed
from glip_pl.data.indexing import SOURCE
from glip_pl.data.range_parts import RANGE
from glip_pl.data.ranges import RANGES
from glip_pl.errors import UserError, some
from glip_pl.files.hashing import SHORT
from glip_pl.files.leftovers import LEFTOVER

Kind = Literal["index", "shard", "leftover"]

INDEX = re.compile(rf".+-[0-9a-f]{{{SHORT}}}")
"""Names of indexes, which are folders."""

SHARD = re.compile(rf"[0-9a-f]{{{SHORT}}}\.tar")
"""Names of fetched shards."""

DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""Errors that reading the sources of a damaged index raises."""

CLASSES = ("leftovers", "gone", "outdated", "indexes", "shards", "all")
"""What can be removed by one word."""


@dataclass(frozen=True)
class Stored:
    """An index, a shard, or what a killed process has left of one."""

    path: Path
    kind: Kind
    size: int  # bytes
    age: float  # seconds since it was written; of a shard since it was last used
    sources: tuple[str, ...] = ()  # annotation files of an index; empty if they are not known
    gone: bool = False  # whether one of the sources no longer exists
    outdated: bool = False  # damaged, or of another version: no longer used
    in_use: bool = False  # as far as can be told: by a running process of this user and machine

    def belongs_to(self, word: str) -> bool:
        """Whether it is named by one of CLASSES or by its own name."""
        return word in ("all", self.path.name) or {
            "leftovers": self.kind == "leftover",
            "gone": self.gone,
            "outdated": self.outdated,
            "indexes": self.kind == "index",
            "shards": self.kind == "shard",
        }.get(word, False)

    def __str__(self) -> str:
        """A line about it."""
        days = self.age / 86400
        age = f"{days:.0f} days" if days >= 2 else f"{self.age / 3600:.0f} hours"
        marks = {"source gone": self.gone, "outdated": self.outdated, "in use": self.in_use}
        shown = [mark for mark, holds in marks.items() if holds]
        source = f"  {some(self.sources, 1)}" if self.sources else ""
        noted = f"  ({', '.join(shown)})" if shown else ""
        return f"{self.path.name}  {shown_size(self.size)}  {age}{source}{noted}"


def shown_size(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def stored_in(indexes: Path, shards: Path) -> tuple[list[Stored], list[Path]]:
    """What the two folders hold, the largest first, and the files of others in them."""
    mapped = _mapped_folders(indexes)
    stored, foreign = [], []
    for folder in dict.fromkeys((indexes.expanduser(), shards.expanduser())):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            one = _stored(path, mapped)
            if one is not None:
                stored.append(one)
            elif path.suffix != ".lock":
                foreign.append(path)
    return sorted(stored, key=lambda one: -one.size), foreign


def _stored(path: Path, mapped: set[Path]) -> Stored | None:
    """What a path is; None if this program has not made it."""
    if path.is_symlink():
        return None
    leftover = LEFTOVER.fullmatch(path.name)
    of = leftover["name"] if leftover else path.name
    if SHARD.fullmatch(of) and path.is_file():
        return Stored(path, "leftover" if leftover else "shard", path.stat().st_size, _age(path))
    if not INDEX.fullmatch(of.removesuffix(RANGES)) or not path.is_dir() or list(_foreign(path)):
        return None
    if of.endswith(RANGES):  # of an index that was not finished
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return Stored(path, "leftover", size, _age(path))
    size = sum(file.stat().st_size for file in path.iterdir())
    if leftover:
        return Stored(path, "leftover", size, _age(path))
    in_use = path.resolve() in mapped
    try:
        sources = tuple(read_sealed(path / SOURCE)["stamp"])
    except DAMAGE:
        return Stored(path, "index", size, _age(path), outdated=True, in_use=in_use)
    gone = not all(Path(source).exists() for source in sources)
    columns = {file.stem for file in path.glob("*.bin")}
    outdated = columns != set(COLUMNS) or not (path / "meta.json").is_file()
    return Stored(path, "index", size, _age(path), sources, gone, outdated, in_use)


def _age(path: Path) -> float:
    return max(0.0, time.time() - path.stat().st_mtime)


def _foreign(folder: Path) -> Iterator[Path]:
    """The files in an index that this program has not written."""
    for file in folder.iterdir():
        if folder.name.endswith(RANGES) and file.is_dir() and not file.is_symlink():
            yield from _foreign(file)
            continue
        leftover = LEFTOVER.fullmatch(file.name)
        name = leftover["name"] if leftover else file.name
        ours = name in ("meta.json", SOURCE, VERIFIED, RANGE) or Path(name).suffix == ".bin"
        if not ours or not file.is_file() or file.is_symlink():
            yield file


def _mapped_folders(folder: Path) -> set[Path]:
    """Folders below `folder` whose files a process has mapped; Linux tells of this user's own."""
    folder = folder.expanduser().resolve()
    mapped = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            lines = maps.read_text(errors="replace").splitlines()
        except OSError:  # of another user, or it has just ended
            continue
        paths = (line.split(maxsplit=5)[-1] for line in lines if str(folder) in line)
        mapped |= {Path(path).parent for path in paths}
    return mapped


def chosen(stored: Sequence[Stored], wanted: str | Sequence[str]) -> list[Stored]:
    """Those that words of CLASSES or names mean. Raises UserError for any other word."""
    words = [word.strip() for word in wanted.split(",")] if isinstance(wanted, str) else wanted
    unknown = [
        word for word in words
        if word not in CLASSES and not any(one.path.name == word for one in stored)
    ]  # fmt: skip
    if unknown:
        raise UserError(
            f"clean.remove={some(unknown)}: nothing stored has this name. Give names, or some of "
            f"{', '.join(CLASSES)}"
        )
    return [one for one in stored if any(one.belongs_to(word) for word in words)]


def remove(one: Stored) -> bool:
    """Remove what is stored; returns False if a process uses it."""
    leftover = LEFTOVER.fullmatch(one.path.name)
    name = (leftover["name"] if leftover else one.path.name).removesuffix(RANGES)
    if one.in_use:
        return False
    try:
        # Who makes an index or fetches a shard holds this lock.
        with FileLock(f"{one.path.with_name(name)}.lock", timeout=0):
            if one.path.is_dir() and not list(_foreign(one.path)):
                rmtree(one.path)
            elif one.path.is_file():
                one.path.unlink()
    except Timeout:
        return False
    except OSError as error:
        raise UserError(f"cannot remove {one.path}: {error}") from error
    return True
