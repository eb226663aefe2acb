import tarfile
from pathlib import Path

import pytest

from glip_pl.data.formats.webdataset_reader import read_samples
from tests.data.formats.writers import add


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Three samples, the first in a folder; a directory and a link are none."""
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w") as tar:
        directory = tarfile.TarInfo("folder")
        directory.type = tarfile.DIRTYPE
        tar.addfile(directory)
        add(tar, "folder/a.JPG", b"1")
        add(tar, "folder/a.json", b"{}")
        add(tar, "a.jpg", b"2")
        link = tarfile.TarInfo("b.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
        add(tar, "c.seg.png", b"34")
    return path


def test_neighbours_with_one_key_are_a_sample(shard: Path) -> None:
    samples = [(key, sorted(files)) for key, files in read_samples(shard)]
    assert samples == [("folder/a", [".jpg", ".json"]), ("/a", [".jpg"]), ("/c", [".seg.png"])]


def test_files_are_found_by_offset_and_size(shard: Path) -> None:
    content = shard.read_bytes()
    for _, files in read_samples(shard):
        for file in files.values():
            assert file.read() == content[file.offset : file.offset + file.size]


def test_the_error_of_a_truncated_shard_follows_its_whole_samples(shard: Path) -> None:
    with tarfile.open(shard) as tar:
        cut = tar.getmember("c.seg.png").offset_data + 1
    with shard.open("r+b") as file:
        file.truncate(cut)
    samples = read_samples(shard)
    assert [key for key, _ in (next(samples), next(samples))] == ["folder/a", "/a"]
    with pytest.raises(tarfile.ReadError, match="is cut off"):
        next(samples)
