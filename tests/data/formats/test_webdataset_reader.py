import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from glip_pl.data.formats.webdataset_reader import read_samples
from glip_pl.errors import UserError
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
    samples = [(key, sorted(files)) for key, files in read_samples(shard, str(shard))]
    assert samples == [("folder/a", [".jpg", ".json"]), ("/a", [".jpg"]), ("/c", [".seg.png"])]


def test_files_are_found_by_offset_and_size(shard: Path) -> None:
    content = shard.read_bytes()
    for _, files in read_samples(shard, str(shard)):
        for file in files.values():
            assert file.read() == content[file.offset : file.offset + file.size]


def test_the_error_of_a_truncated_shard_follows_its_whole_samples(shard: Path) -> None:
    with tarfile.open(shard) as tar:
        cut = tar.getmember("c.seg.png").offset_data + 1
    with shard.open("r+b") as file:
        file.truncate(cut)
    samples = read_samples(shard, str(shard))
    assert [key for key, _ in (next(samples), next(samples))] == ["folder/a", "/a"]
    with pytest.raises(UserError, match=r"0\.tar ends early: 'c\.seg\.png' is cut off"):
        next(samples)


def shard_of(path: Path, samples: int) -> bytes:
    """A shard of samples with a picture and a text each."""
    with tarfile.open(path, "w") as tar:
        for number in range(samples):
            add(tar, f"{number}.jpg", bytes(700))
            add(tar, f"{number}.txt", b"a caption")
    return path.read_bytes()


def keys(path: Path) -> tuple[list[str], str]:
    """The keys of the whole samples of a shard, and what is wrong with it."""
    sample_keys: list[str] = []
    try:
        for key, files in read_samples(path, path.name):
            assert set(files) == {".jpg", ".txt"}
            sample_keys.append(key)
    except UserError as error:
        return sample_keys, str(error)
    return sample_keys, ""


def test_a_shard_that_is_cut_anywhere_is_reported_and_gives_only_whole_samples(
    tmp_path: Path,
) -> None:
    path = tmp_path / "0.tar"
    whole = shard_of(path, 3)
    end = 3 * (512 + 1024 + 512 + 512) + 1024  # the two blocks that end an archive included
    for size in range(0, len(whole), 128):
        path.write_bytes(whole[:size])
        samples, message = keys(path)
        assert samples == [f"/{number}" for number in range(len(samples))]
        assert (message == "") == (size >= end), size
        assert message or len(samples) == 3
    path.write_bytes(whole[: 2 * 2560])  # at the border of a sample
    assert "0.tar ends early: its last 1024 bytes" in keys(path)[1]


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    content = bytearray(shard_of(path, 3))
    content[2560 + 10] ^= 1
    path.write_bytes(content)
    assert keys(path)[1].startswith("the shard 0.tar is damaged at byte 2560: ")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("size", [3 << 30, -512])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
def test_headers_of_impossible_sizes_are_refused(tmp_path: Path, kind: bytes, size: int) -> None:
    header = tarfile.TarInfo("a")
    header.type, header.size = kind, size
    path = tmp_path / "0.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    samples, message = keys(path)
    assert samples == [] and message.startswith("the shard 0.tar ")


def test_a_chain_of_headers_is_damage(tmp_path: Path) -> None:
    header = tarfile.TarInfo("a")
    header.type = tarfile.XHDTYPE
    path = tmp_path / "0.tar"
    path.write_bytes(header.tobuf() * 5000)
    assert "recursion" in keys(path)[1]


@pytest.mark.parametrize(
    ("compress", "kind"),
    [(gzip.compress, "gzip"), (bz2.compress, "bzip2"), (lzma.compress, "xz")],
)
def test_compressed_shards_are_named_as_such(
    tmp_path: Path, compress: Callable[[bytes], bytes], kind: str
) -> None:
    path = tmp_path / "0.tar"
    path.write_bytes(compress(shard_of(path, 1)))
    assert f"the shard 0.tar is a {kind} archive: unpack it" in keys(path)[1]


def test_other_files_and_missing_files_are_no_shards(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    assert "0.tar cannot be read: " in keys(path)[1]
    path.touch()
    assert keys(path)[1] == "the shard 0.tar is empty"
    path.write_bytes(b"text " * 500)
    assert "0.tar is no tar archive: " in keys(path)[1]
