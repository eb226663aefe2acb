"""Shards at an address are copied once; the folder of the copies stays small."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from glip_pl.data.shard_cache import ShardCache
from glip_pl.errors import UserError
from glip_pl.files.writing import partial_path

SIZE = 1000
"""Bytes of each remote shard."""


@pytest.fixture
def addresses() -> Iterator[list[str]]:
    """Three shards on a remote file system, which fsspec keeps in memory."""
    remote = fsspec.filesystem("memory")
    for number in range(3):
        remote.pipe(f"/shards/{number}.tar", bytes([number]) * SIZE)
    yield [f"memory://shards/{number}.tar" for number in range(3)]
    remote.rm("/shards", recursive=True)


def test_a_local_shard_is_used_where_it_is(tmp_path: Path) -> None:
    cache = ShardCache(tmp_path / "cache", gigabytes=1)
    assert cache.local(f"{tmp_path}/0.tar") == tmp_path / "0.tar"
    assert not (tmp_path / "cache").exists()


def test_a_remote_shard_is_fetched_once(tmp_path: Path, addresses: list[str]) -> None:
    cache = ShardCache(tmp_path, gigabytes=1)
    path = cache.local(addresses[1])
    assert path.read_bytes() == bytes([1]) * SIZE
    fsspec.filesystem("memory").pipe("/shards/1.tar", b"changed")
    assert cache.local(addresses[1]) == path
    assert path.read_bytes() == bytes([1]) * SIZE


def test_the_least_recently_used_shard_is_removed_first(
    tmp_path: Path, addresses: list[str]
) -> None:
    cache = ShardCache(tmp_path, gigabytes=1.5 * SIZE / 1e9)
    first, second = (cache.local(address) for address in addresses[:2])
    os.utime(first, (200, 200))
    os.utime(second, (100, 100))
    third = cache.local(addresses[2])  # there is room for one more beside it
    assert set(tmp_path.glob("*.tar")) == {first, third}


def test_a_shard_that_cannot_be_fetched_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, gigabytes=1)
    with pytest.raises(UserError, match=r"cannot fetch the shard memory://shards/absent\.tar"):
        cache.local("memory://shards/absent.tar")
    with pytest.raises(UserError, match=r"cannot fetch the shard unknown://"):
        cache.local("unknown://shards/0.tar")
    assert {path.suffix for path in tmp_path.iterdir()} <= {".lock"}


def test_what_a_killed_fetch_left_is_removed_by_the_next(
    tmp_path: Path, addresses: list[str]
) -> None:
    cache = ShardCache(tmp_path, gigabytes=1)
    path = cache.local(addresses[0])
    path.unlink()
    partial_path(path).write_bytes(bytes(SIZE))
    assert cache.local(addresses[0]) == path
    assert {path.suffix for path in tmp_path.iterdir()} <= {".lock", ".tar"}


def test_a_shard_is_fetched_before_it_is_needed(tmp_path: Path, addresses: list[str]) -> None:
    cache = ShardCache(tmp_path, gigabytes=1)
    for _ in range(3):
        cache.prefetch(addresses[0])
        cache.prefetch("memory://shards/absent.tar")  # an error is left to who needs it
    deadline = time.monotonic() + 10
    while not list(tmp_path.glob("*.tar")) and time.monotonic() < deadline:
        time.sleep(0.01)
    fsspec.filesystem("memory").rm("/shards/0.tar")
    assert cache.local(addresses[0]).read_bytes() == bytes([0]) * SIZE


def test_local_shards_are_not_fetched(tmp_path: Path) -> None:
    ShardCache(tmp_path / "cache", gigabytes=1).prefetch(str(tmp_path / "0.tar"))
    assert not (tmp_path / "cache").exists()
