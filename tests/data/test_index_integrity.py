import json
import os
from pathlib import Path

import pytest

from glip_pl.data import index_integrity
from glip_pl.data.index import Index
from glip_pl.data.index_integrity import VERIFIED, mark_verified, read_sealed, sealed, verify
from glip_pl.data.indexing import open_index
from tests.data.formats.writers import coco, scenes


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return open_index(coco(tmp_path, scenes(3)), tmp_path / "index")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Gets every column whose checksum is computed."""
    paths: list[Path] = []
    original = index_integrity._crc32_of

    def recorded(path: Path) -> int:
        paths.append(path)
        return original(path)

    monkeypatch.setattr(index_integrity, "_crc32_of", recorded)
    return paths


def change(path: Path) -> None:
    """Change a byte of a file, and neither its size nor its modification time."""
    times = path.stat()
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_changed_column_is_named(index: Index) -> None:
    verify(index.folder)
    change(index.folder / "boxes.bin")
    with pytest.raises(ValueError, match=r"boxes\.bin is damaged"):
        verify(index.folder)
    assert not (index.folder / VERIFIED).exists()


def test_a_longer_column_is_damaged(index: Index) -> None:
    with (index.folder / "boxes.bin").open("ab") as file:
        file.write(bytes(16))
    with pytest.raises(ValueError, match=r"boxes\.bin is damaged"):
        verify(index.folder)


def test_a_large_index_is_read_again_only_after_a_change(
    index: Index, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_integrity, "SMALL", 0)
    verify(index.folder)
    assert hashed
    hashed.clear()
    verify(index.folder)
    assert not hashed
    os.utime(index.folder / "sizes.bin", (1, 1))
    verify(index.folder)
    verify(index.folder)
    assert len(hashed) == len(set(hashed))
    (index.folder / "sizes.bin").write_bytes(bytes((index.folder / "sizes.bin").stat().st_size))
    with pytest.raises(ValueError, match=r"sizes\.bin is damaged"):
        verify(index.folder)


def test_a_large_index_need_not_be_read_after_it_was_written(
    index: Index, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_integrity, "SMALL", 0)
    mark_verified(index.folder)
    verify(index.folder)
    assert not hashed


def test_workers_do_not_verify(index: Index, hashed: list[Path]) -> None:
    rebuild, arguments = index.__reduce__()
    assert len(rebuild(*arguments)) == len(index)
    assert not hashed


def test_a_record_that_cannot_be_written_is_no_error(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_integrity, "SMALL", 0)
    (index.folder / VERIFIED).mkdir()
    verify(index.folder)
    assert (index.folder / VERIFIED).is_dir()


def test_sealed_objects_notice_each_change(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text(json.dumps(sealed({"names": ["cat"], "blocks": [0, 9]})))
    assert read_sealed(path)["blocks"] == [0, 9]
    path.write_text(path.read_text().replace("cat", "cut"))
    with pytest.raises(ValueError, match=r"meta\.json is damaged"):
        read_sealed(path)
    path.write_text("{}")
    with pytest.raises(KeyError):
        read_sealed(path)
