"""Remote shards, fetched whole into a folder of bounded size that all processes share."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import fsspec
from filelock import FileLock

from glip_pl.errors import UserError
from glip_pl.files.hashing import SHORT
from glip_pl.files.leftovers import remove_leftovers
from glip_pl.files.writing import write_whole

FETCHES = 2
"""Shards that a process fetches at once before they are needed."""

_asked: set[str] = set()
"""Shards that this process is fetching before they are needed."""


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of a process; a fork has none of its parent's."""
    _asked.clear()
    return ThreadPoolExecutor(FETCHES, thread_name_prefix="shards")


def _threads() -> ThreadPoolExecutor:
    return _pool(os.getpid())


@dataclass(frozen=True)
class ShardCache:
    """Local copies of shards; the least recently used are removed first."""

    folder: Path
    gigabytes: float  # limit of the folder's size, apart from the shard that is fetched

    def local(self, shard: str) -> Path:
        """The local file of a path or an address (https://, s3://, ... as fsspec supports).

        Raises UserError if the shard cannot be fetched.
        """
        if "://" not in shard:
            return Path(shard)
        path = self._place(shard)
        try:
            self._provide(shard, path)
            os.utime(path)
        except (OSError, ValueError, ImportError) as error:
            raise UserError(f"cannot fetch the shard {shard}: {error!r}") from error
        return path

    def prefetch(self, shard: str) -> None:
        """Begin to fetch a remote shard that is needed soon, in a thread of this process.

        Of the processes that want it, one fetches it. Errors are left to `local`.
        """
        if "://" not in shard or shard in _asked or self._place(shard).is_file():
            return
        _asked.add(shard)
        _threads().submit(self._prefetch, shard)

    def _prefetch(self, shard: str) -> None:
        with suppress(UserError):
            self.local(shard)
        _asked.discard(shard)

    def _place(self, shard: str) -> Path:
        """Where the copy of a remote shard lies."""
        digest = hashlib.sha256(shard.encode()).hexdigest()[:SHORT]
        return self.folder.expanduser() / f"{digest}.tar"

    def _provide(self, shard: str, path: Path) -> None:
        """Fetch the shard to `path` unless this or another process has done so."""
        if path.is_file():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if path.is_file():  # fetched while this process waited
                return
            remove_leftovers(path)
            self._make_room()
            with write_whole(path) as partial:
                filesystem, remote = fsspec.core.url_to_fs(shard)
                filesystem.get_file(remote, str(partial))

    def _make_room(self) -> None:
        """Remove the least recently used shards until the others fit.

        A process that reads a removed shard keeps its open file.
        """
        shards = [(path.stat(), path) for path in self.folder.expanduser().glob("*.tar")]
        total = sum(stat.st_size for stat, _ in shards)
        for stat, path in sorted(shards, key=lambda pair: pair[0].st_mtime):
            if total <= self.gigabytes * 1e9:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size
