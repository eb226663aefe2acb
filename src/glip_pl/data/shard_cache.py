"""Remote shards, fetched whole into a folder of bounded size that all processes share."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import fsspec
from filelock import FileLock

from glip_pl.errors import UserError


@dataclass(frozen=True)
class ShardCache:
    """Local paths of shards; those that were not used for longest go first."""

    folder: Path
    gigabytes: float

    def local(self, shard: str) -> Path:
        """The file of a path or an address (https://, s3://, ... whatever fsspec knows).

        Raises UserError if it cannot be fetched.
        """
        if "://" not in shard:
            return Path(shard)
        digest = hashlib.sha256(shard.encode()).hexdigest()[:16]
        place = self.folder.expanduser() / f"{digest}.tar"
        try:
            if not place.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(f"{place}.lock"):
                    if not place.is_file():  # another process may have been faster
                        self._fetch(shard, place)
            os.utime(place)
        except (OSError, ValueError, ImportError) as error:
            raise UserError(f"cannot fetch the shard {shard}: {error!r}") from error
        return place

    def _fetch(self, shard: str, place: Path) -> None:
        self._make_room()
        half = place.with_name(f"{place.name}.{os.getpid()}.tmp")
        try:
            filesystem, path = fsspec.core.url_to_fs(shard)
            filesystem.get_file(path, str(half))
            half.replace(place)
        finally:
            half.unlink(missing_ok=True)

    def _make_room(self) -> None:
        """Remove what was not used for longest until the rest fits; readers keep open files."""
        shards = [(path.stat(), path) for path in self.folder.expanduser().glob("*.tar")]
        total = sum(stat.st_size for stat, _ in shards)
        for stat, path in sorted(shards, key=lambda pair: pair[0].st_mtime):
            if total <= self.gigabytes * 1e9:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size
