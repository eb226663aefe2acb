import json
import os
import shutil
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data import indexing
from glip_pl.data.index import COLUMNS
from glip_pl.data.index_writer import IndexWriter
from glip_pl.data.indexing import content_of, open_index
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Reader
from glip_pl.errors import UserError
from tests.data.formats.writers import coco, lvis, mdetr, scenes


@pytest.fixture
def source(tmp_path: Path) -> Reader:
    return coco(tmp_path, scenes(5))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, source: Reader) -> list[str]:
    """Gets an entry each time the source is parsed."""
    entries: list[str] = []
    original = type(source).read

    def counted(self: Reader, problems: Problems) -> Contents:
        entries.append("read")
        return original(self, problems)

    monkeypatch.setattr(type(source), "read", counted)
    return entries


def test_a_source_is_parsed_once(source: Reader, tmp_path: Path, reads: list[str]) -> None:
    first = open_index(source, tmp_path / "index")
    second = open_index(source, tmp_path / "index")
    assert reads == ["read"]
    assert first.folder == second.folder
    assert isinstance(second.boxes.values, np.memmap)


def test_a_touched_file_is_not_parsed_again_and_a_changed_one_is(
    source: Reader, tmp_path: Path, reads: list[str]
) -> None:
    open_index(source, tmp_path / "index")
    file = source.files[0]
    os.utime(file, (time.time() + 10, time.time() + 10))
    open_index(source, tmp_path / "index")
    assert len(reads) == 1
    content = json.loads(file.read_text())
    content["annotations"] = content["annotations"][:1]
    file.write_text(json.dumps(content))
    assert len(open_index(source, tmp_path / "index").boxes.values) == 1
    assert len(reads) == 2


def test_other_settings_have_an_index_of_their_own(
    source: Reader, tmp_path: Path, reads: list[str]
) -> None:
    strict = open_index(source, tmp_path / "index")
    clipped = open_index(source, tmp_path / "index", out_of_image="clip")
    assert strict.folder != clipped.folder
    assert len(reads) == 2


def test_a_damaged_index_is_made_again(source: Reader, tmp_path: Path, reads: list[str]) -> None:
    index = open_index(source, tmp_path / "index")
    expected = index.boxes.values.tolist()
    with (index.folder / "boxes.bin").open("r+b") as file:
        file.truncate(7)
    assert open_index(source, tmp_path / "index").boxes.values.tolist() == expected
    shutil.copy(tmp_path / "coco.json", index.folder / "meta.json")
    assert open_index(source, tmp_path / "index").boxes.values.tolist() == expected
    for name in ("meta.json", indexing.SOURCE):
        (index.folder / name).write_text("[" * 100_000)
        assert open_index(source, tmp_path / "index").boxes.values.tolist() == expected
    assert len(reads) == 5


@pytest.mark.parametrize("name", [*(f"{column}.bin" for column in COLUMNS), "meta.json"])
def test_a_changed_byte_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    # Captions have no lists of categories, and categories have no captions.
    write = lvis if name in ("absent.bin", "not_exhaustive.bin") else mdetr
    reader = write(tmp_path, scenes(5))
    index = open_index(reader, tmp_path / "index")
    path = index.folder / name
    sound = path.read_bytes()
    damaged = bytearray(sound)
    damaged[len(damaged) // 2] ^= 1
    times = path.stat()
    path.write_bytes(damaged)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a bad disk leaves it
    assert open_index(reader, tmp_path / "index").folder == index.folder
    assert path.read_bytes() == sound
    assert f"{index.folder} is damaged" in caplog.text


def test_a_damaged_stamp_is_noticed(source: Reader, tmp_path: Path, reads: list[str]) -> None:
    index = open_index(source, tmp_path / "index")
    path = index.folder / indexing.SOURCE
    content = content_of(index)
    path.write_text(path.read_text().replace(content, content[::-1]))
    assert content_of(open_index(source, tmp_path / "index")) == content
    assert len(reads) == 2


def test_an_index_of_an_older_version_without_checksums_is_made_again(
    source: Reader, tmp_path: Path, reads: list[str]
) -> None:
    index = open_index(source, tmp_path / "index")
    meta = json.loads((index.folder / "meta.json").read_text())
    older = {key: meta[key] for key in ("rows", "names", "blocks")}
    (index.folder / "meta.json").write_text(json.dumps(older))
    open_index(source, tmp_path / "index")
    assert len(reads) == 2


def test_what_a_killed_build_left_is_removed_by_the_next(
    source: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr(IndexWriter, "_write_chunk", killed)  # in the child only
        try:
            open_index(source, tmp_path / "index")
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    assert list((tmp_path / "index").glob("*.partial"))
    index = open_index(source, tmp_path / "index")
    assert {path.suffix for path in (tmp_path / "index").iterdir()} <= {"", ".lock"}
    assert len(index) == 5


def test_a_source_that_cannot_be_read_leaves_no_partial_index(
    source: Reader, tmp_path: Path
) -> None:
    source.files[0].write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        open_index(source, tmp_path / "index")
    assert [path.suffix for path in (tmp_path / "index").iterdir()] in ([], [".lock"])


def _open(source: Reader, folder: Path) -> tuple[int, float]:
    index = open_index(source, folder)
    return len(index), (index.folder / "meta.json").stat().st_mtime


def test_processes_that_start_together_share_one_index(source: Reader, tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, get_context("fork")) as pool:
        opened = list(pool.map(_open, [source] * 8, [tmp_path / "index"] * 8))
    assert len(set(opened)) == 1


def test_a_folder_that_cannot_be_written_is_named(source: Reader, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"paths\.index .*GLIP_INDEX"):
        open_index(source, tmp_path / "file" / "index")


def test_more_bad_items_than_tolerated_stop(tmp_path: Path) -> None:
    reader = coco(tmp_path, scenes(10))
    content = json.loads(reader.files[0].read_text())
    content["annotations"][0]["image_id"] = 10**6
    content["annotations"][1]["bbox"] = [0, 0, 10**5, 5]
    reader.files[0].write_text(json.dumps(content))
    total = len(content["annotations"])
    index = open_index(reader, tmp_path / "index", tolerate=0.2)
    assert len(index.boxes.values) == total - 2
    with pytest.raises(UserError, match=r"2 of 10 items are bad, more than .* tolerate=0\.1"):
        open_index(reader, tmp_path / "index", tolerate=0.1)
    with pytest.raises(UserError, match="belongs to image 1000000"):
        open_index(reader, tmp_path / "index")


def test_indexes_of_an_older_version_are_not_used(
    source: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = open_index(source, tmp_path / "index")
    monkeypatch.setattr(indexing, "VERSION", indexing.VERSION + 1)
    assert open_index(source, tmp_path / "index").folder != old.folder
