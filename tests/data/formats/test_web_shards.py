import gzip
import json
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import numpy as np
import pytest

from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.indexing import open_index
from glip_pl.data.problems import Problems
from glip_pl.data.shard_cache import ShardCache
from glip_pl.errors import UserError
from tests.data.formats.writers import add, scenes, web_shards

SCENES = scenes(8)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and lists the requested paths."""

    requested: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.requested.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which a server offers the files of a folder."""
    Quiet.requested.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_each_shard_is_a_block_of_the_index(tmp_path: Path, indexes: Path) -> None:
    index = open_index(web_shards(tmp_path, SCENES, per_shard=3), indexes)
    assert index.blocks.tolist() == [0, 3, 6, 8]


def test_ranges_and_globs_name_shards(tmp_path: Path) -> None:
    web_shards(tmp_path, SCENES, per_shard=3)
    from_range = WebShards(f"{tmp_path}/{{00000..00002}}.tar").locations
    assert from_range == WebShards(str(tmp_path / "*.tar")).locations
    assert [Path(path).name for path in from_range] == [
        "00000.tar",
        "00001.tar",
        "00002.tar",
    ]
    assert WebShards(str(tmp_path)).locations == from_range
    with pytest.raises(UserError, match=r"no such shard: .*\.gz"):
        _ = WebShards(str(tmp_path / "*.gz")).locations


def test_captions_without_boxes(tmp_path: Path, indexes: Path) -> None:
    """What img2dataset writes: text beside the picture; sizes in the JSON, or in the picture."""
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for number, scene in enumerate(SCENES[:3]):
            add(tar, f"{number}.jpg", scene.encoded())  # a PNG by its content
            add(tar, f"{number}.txt", f" a picture, number {number}\n".encode())
            if number:
                about = {"width": scene.width, "height": scene.height, "exif": "{}"}
                add(tar, f"{number}.json", json.dumps(about).encode())
    index = open_index(WebShards(str(tmp_path / "0.tar")), indexes)
    assert [index.captions[row] for row in range(3)][1] == "a picture, number 1"
    assert index.sizes.tolist() == [[scene.height, scene.width] for scene in SCENES[:3]]
    assert len(index.boxes.values) == 0 and index.captioned.all()


def test_a_truncated_shard_gives_the_samples_before_the_cut(
    tmp_path: Path, indexes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "glip_pl.data.problems")  # which `data check` silences
    reader = web_shards(tmp_path, SCENES, per_shard=4)
    shard = tmp_path / "00000.tar"
    with tarfile.open(shard) as tar:
        third = tar.getmember("000000002.png")
    with shard.open("r+b") as file:
        file.truncate(third.offset_data + 10)
    with pytest.raises(UserError, match=r"00000\.tar ends early"):
        open_index(reader, indexes)
    index = open_index(reader, indexes, tolerate=0.2)
    captions = [index.captions[row] for row in range(len(index))]
    assert captions == [scene.caption for scene in [*SCENES[:2], *SCENES[4:]]]
    assert "00000.tar ends early" in caplog.text


def hostile(path: Path, *files: tuple[str, bytes]) -> WebShards:
    """A shard of two samples: the given files, and a sound one behind it."""
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            add(tar, name, content)
        add(tar, "sound.png", SCENES[0].encoded())
        add(tar, "sound.txt", b"a caption")
    return WebShards(str(path))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200_000,
        b'{"grounding": ' * 200_000,
        b'{"width": 9, "height": 9, "caption": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"width": 9, "height": 1e999}',
        b"[1]",
    ],
    ids=["lists", "objects", "caption", "infinity", "list"],
)
def test_a_bottomless_json_is_one_bad_sample(tmp_path: Path, text: bytes) -> None:
    reader = hostile(tmp_path / "0.tar", ("a.png", SCENES[0].encoded()), ("a.json", text))
    problems = Problems(tolerate=1.0)
    records = list(reader.read(problems).records)
    assert records[-1].caption == "a caption"
    assert len(records) + problems.errors == 2
    assert problems.counts.keys() <= {"malformed sample"}


def test_a_bad_sample_is_reported_as_such_and_not_as_a_cut_shard(tmp_path: Path) -> None:
    reader = hostile(tmp_path / "0.tar", ("a.png", b"no picture"), ("a.txt", b"a caption"))
    with pytest.raises(UserError, match="the sample '/a' is malformed: the image picture is"):
        list(reader.read(Problems()).records)
    problems = Problems(tolerate=0.1)
    problems.errors = 100  # the next error is one too many
    with pytest.raises(UserError, match="more than the share") as raised:
        list(reader.read(problems).records)
    assert "ends early" not in str(raised.value)


def test_a_picture_of_three_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w") as tar:
        add(tar, "a.json", b'{"width": 9, "height": 9, "caption": "a cat"}')
    text = path.read_bytes()[:1024]
    large = tarfile.TarInfo("a.png")
    large.size = 3 << 30
    with path.open("wb") as file:  # a sparse file, which takes no space on the disk
        file.write(text + large.tobuf())
        file.truncate(len(text) + 512 + large.size + 1024)
    problems = Problems(tolerate=1.0)
    assert list(WebShards(str(path)).read(problems).records) == []
    [[message]] = problems.examples.values()
    assert "the sample '/a' is malformed: its picture has 3221225472 bytes: too large" in message


def test_a_gzipped_shard_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0.tar.gz"
    path.write_bytes(gzip.compress(bytes(10_240)))
    with pytest.raises(UserError, match=r"0\.tar\.gz is a gzip archive: unpack it"):
        list(WebShards(str(path)).read(Problems()).records)


def test_remote_shards_are_fetched_once(tmp_path: Path, indexes: Path) -> None:
    (tmp_path / "made").mkdir()
    web_shards(tmp_path / "made", SCENES)
    cache = ShardCache(tmp_path / "cache", gigabytes=1)
    with served(tmp_path / "made") as address:
        reader = WebShards(f"{address}/{{00000..00002}}.tar", cache=cache)
        index = open_index(reader, indexes)
        images = reader.open_images()
        for row, scene in enumerate(SCENES):
            assert np.array_equal(
                np.asarray(images.load(index.images[row])), np.asarray(scene.picture())
            )
        assert sorted(Quiet.requested) == ["/00000.tar", "/00001.tar", "/00002.tar"]
    # The server is gone now; index and pictures lie in local folders.
    assert open_index(reader, indexes).captions[7] == SCENES[7].caption
    assert images.load(index.images[7]).size == (SCENES[7].width, SCENES[7].height)


def test_the_shard_of_a_later_picture_is_fetched(tmp_path: Path, indexes: Path) -> None:
    (tmp_path / "made").mkdir()
    web_shards(tmp_path / "made", SCENES)
    with served(tmp_path / "made") as address:
        cache = ShardCache(tmp_path / "cache", gigabytes=1)
        reader = WebShards(f"{address}/{{00000..00002}}.tar", cache=cache)
        index = open_index(reader, indexes)
        shutil.rmtree(tmp_path / "cache")
        images = reader.open_images()
        assert images.remote
        images.prefetch(index.images[7])
        deadline = time.monotonic() + 10
        while not list((tmp_path / "cache").glob("*.tar")) and time.monotonic() < deadline:
            time.sleep(0.01)
    # The server is gone now.
    assert images.load(index.images[7]).size == (SCENES[7].width, SCENES[7].height)


def test_a_full_cache_removes_the_oldest_shard(tmp_path: Path, indexes: Path) -> None:
    (tmp_path / "made").mkdir()
    web_shards(tmp_path / "made", SCENES)
    size = (tmp_path / "made/00000.tar").stat().st_size
    cache = ShardCache(tmp_path / "cache", gigabytes=1.5 * size / 1e9)
    with served(tmp_path / "made") as address:
        reader = WebShards(f"{address}/{{00000..00002}}.tar", cache=cache)
        index = open_index(reader, indexes)
        assert len(list((tmp_path / "cache").glob("*.tar"))) == 2
        before = len(Quiet.requested)
        picture = reader.open_images().load(index.images[0])
        assert np.array_equal(np.asarray(picture), np.asarray(SCENES[0].picture()))
        assert len(Quiet.requested) == before + 1


def test_a_shard_that_cannot_be_fetched_is_named(tmp_path: Path, indexes: Path) -> None:
    with served(tmp_path) as address:
        reader = WebShards(f"{address}/absent.tar", cache=ShardCache(tmp_path / "cache", 1))
        with pytest.raises(UserError, match=r"cannot fetch the shard .*absent\.tar"):
            open_index(reader, indexes)
    assert not list((tmp_path / "cache").glob("*.partial"))


def detection_shard(path: Path, *boxes: tuple[int, str | None]) -> None:
    """A shard with a sample for each box of a label, which may have a name."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for number, (label, name) in enumerate(boxes):
            instance = {"bbox": [1, 1, 9, 9], "label": label} | ({"category": name} if name else {})
            text = {"height": 40, "width": 60, "detection": {"instances": [instance]}}
            add(tar, f"{number}.png", SCENES[0].encoded())
            add(tar, f"{number}.json", json.dumps(text).encode())


def test_categories_are_those_of_the_boxes_or_of_a_label_map_beside_the_shards(
    tmp_path: Path, indexes: Path
) -> None:
    shard = tmp_path / "a/0.tar"
    detection_shard(shard, (1, "dog"), (0, "cat"), (1, "dog"))
    index = open_index(WebShards(str(shard)), indexes)
    assert index.names == ["cat", "dog"]
    assert [targets.tolist() for targets in (index.targets[row] for row in range(3))] == [
        [1], [0], [1]
    ]  # fmt: skip
    (tmp_path / "a/label_map.json").write_text('{"0": "cat", "1": "dog", "2": "cow"}')
    assert open_index(WebShards(str(shard)), indexes).names == ["cat", "dog", "cow"]
    detection_shard(tmp_path / "b/0.tar", (0, "cow"))
    (tmp_path / "b/label_map.json").write_text('{"0": "cow"}')
    with pytest.raises(UserError, match=r"a/label_map\.json and .*b/label_map\.json differ"):
        WebShards([str(shard), str(tmp_path / "b/0.tar")]).read(Problems())


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([(1, None)], r"the sample '/0' is malformed: nothing names its labels \[1\]: neither"),
        ([(0, "cat"), (0, "dog")], "the label 0 is called 'cat' and 'dog'"),
        ([(1, "dog")], r"0\.tar: labels must run from 0 without a gap, and are \[1\]"),
    ],
)
def test_labels_without_one_name_each_are_told(
    boxes: list[tuple[int, str | None]], message: str, tmp_path: Path
) -> None:
    detection_shard(tmp_path / "a/0.tar", *boxes)
    with pytest.raises(UserError, match=message):
        list(WebShards(str(tmp_path / "a/0.tar")).read(Problems()).records)


def test_a_page_in_place_of_a_shard_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    path.write_bytes(b"<!DOCTYPE html><title>403</title>" + b" " * 2000)
    with pytest.raises(UserError, match=r"0\.tar is no tar archive but a web page \(HTML\)"):
        list(WebShards(str(path)).read(Problems()).records)
