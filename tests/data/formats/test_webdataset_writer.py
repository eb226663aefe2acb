import tarfile
from pathlib import Path

from glip_pl.data.formats.webdataset_reader import read_samples
from glip_pl.data.formats.webdataset_writer import add_sample


def test_files_are_written_in_their_order_and_read_back(tmp_path: Path) -> None:
    shard = tmp_path / "0.tar"
    with tarfile.open(shard, "w") as tar:
        add_sample(tar, "a", {".jpg": b"picture", ".txt": b"", ".json": b"{}"})
        add_sample(tar, "b", {".png": b"another"})
    with tarfile.open(shard) as tar:
        assert tar.getnames() == ["a.jpg", "a.txt", "a.json", "b.png"]
    contents = [
        {suffix: file.read() for suffix, file in files.items()}
        for _, files in read_samples(shard, "a.tar")
    ]
    assert contents == [{".jpg": b"picture", ".txt": b"", ".json": b"{}"}, {".png": b"another"}]
