"""Shards in an object store: a server with S3's interface on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.indexing import open_index
from glip_pl.data.shard_cache import ShardCache
from glip_pl.errors import UserError
from tests.data.formats.writers import scenes, web_shards

boto3 = pytest.importorskip("boto3")
pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of the server, which s3fs and boto3 find in the environment."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield f"http://{host}:{port}"
    server.stop()


def test_shards_are_read_from_an_object_store(store: str, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    wanted = scenes(6)
    local = web_shards(tmp_path / "local", wanted)
    client = boto3.client("s3")
    client.create_bucket(Bucket="pairs")
    for file in sorted((tmp_path / "local").glob("*.tar")):
        client.upload_file(str(file), "pairs", f"cap/{file.name}")
    cache = ShardCache(tmp_path / "shards", gigabytes=1)
    remote = WebShards("s3://pairs/cap/{00000..00001}.tar", cache=cache)
    index = open_index(remote, tmp_path / "index")
    expected = open_index(local, tmp_path / "index")
    assert len(index) == len(expected) == 6
    images, originals = remote.open_images(), local.open_images()
    assert images.remote
    for row in range(6):
        assert images.read(index.images[row]) == originals.read(expected.images[row])
    with pytest.raises(UserError, match=r"cannot fetch the shard s3://pairs/cap/9\.tar"):
        cache.local("s3://pairs/cap/9.tar")
