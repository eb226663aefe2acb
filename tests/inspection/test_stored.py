"""What indexes and shards take up is shown, and only what is named and unused is removed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.indexing import open_index
from glip_pl.data.ranges import write_range
from glip_pl.errors import UserError
from glip_pl.files.writing import partial_path
from glip_pl.inspection.stored import chosen, remove, shown_size, stored_in
from tests.data.formats.writers import coco, scenes, web_shards


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of indexes, one of whose sources is gone, and a folder of shards."""
    for name in ("kept", "gone"):
        (tmp_path / name).mkdir()
        open_index(coco(tmp_path / name, scenes(3)), tmp_path / "indexes")
    (tmp_path / "gone/coco.json").unlink()
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / f"{'a' * 16}.tar").write_bytes(b"1" * 50)
    return tmp_path / "indexes", tmp_path / "shards"


def test_everything_is_shown_with_its_source(folders: tuple[Path, Path], tmp_path: Path) -> None:
    stored, foreign = stored_in(*folders)
    assert not foreign
    by_gone = {one.gone: one for one in stored if one.kind == "index"}
    assert by_gone[False].sources == (str(tmp_path / "kept/coco.json"),)
    assert "gone/coco.json  (source gone)" in str(by_gone[True])
    assert [one.size for one in stored if one.kind == "shard"] == [50]
    assert shown_size(2_500_000_000) == "2.5 GB" and shown_size(50_000) == "0.1 MB"


def test_words_choose_what_is_removed(folders: tuple[Path, Path]) -> None:
    leftover = partial_path(folders[1] / f"{'b' * 16}.tar")
    leftover.touch()
    stored, _ = stored_in(*folders)
    index = next(one for one in stored if one.kind == "index" and not one.gone)
    (index.path / "meta.json").unlink()  # as of another version
    stored, _ = stored_in(*folders)
    for words, count in (
        (["leftovers"], 1), ("gone", 1), ("outdated", 1), ("indexes", 2), ("shards", 1),
        ("gone, leftovers", 2), (index.path.name, 1), ("all", 4),
    ):  # fmt: skip
        assert len(chosen(stored, words)) == count, words
    with pytest.raises(UserError, match=r"clean\.remove=everything: .*leftovers, gone"):
        chosen(stored, ["everything"])
    assert all(remove(one) for one in chosen(stored, "all"))
    assert stored_in(*folders) == ([], [])


def test_ranges_of_an_index_that_was_not_finished_are_leftovers(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    reader = web_shards(tmp_path, scenes(4))
    assert isinstance(reader, WebShards)
    ranges = folders[0] / f"web-{'c' * 16}.ranges"
    write_range(reader, (0, 1), ranges / "000000", "source", "error")
    (one,) = (one for one in stored_in(*folders)[0] if one.path == ranges)
    assert one.kind == "leftover" and one.size > 1000
    (ranges / "000000" / "notes.txt").touch()
    assert stored_in(*folders)[1] == [ranges]  # not only ours
    (ranges / "000000" / "notes.txt").unlink()
    with FileLock(f"{ranges.with_suffix('')}.lock"):
        assert not remove(one)  # it is being made
    assert remove(one) and not ranges.exists()


def test_files_of_others_are_never_removed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    indexes, shards = folders
    (indexes / "notes.txt").touch()
    (indexes / "photos-0123456789abcdef").mkdir()
    (indexes / "photos-0123456789abcdef/mine.jpg").touch()
    (indexes / f"link-{'0' * 16}").symlink_to(tmp_path / "kept")
    (shards / "mine.tar").touch()
    (shards / f".mine.{'0' * 32}.partial").touch()
    stored, foreign = stored_in(indexes, shards)
    assert {path.name for path in foreign} == {
        *("notes.txt", "photos-0123456789abcdef", f"link-{'0' * 16}"),
        *("mine.tar", f".mine.{'0' * 32}.partial"),
    }
    late = next(one for one in stored if one.kind == "index")
    (late.path / "mine.txt").touch()  # after it was listed
    assert all(remove(one) for one in stored)
    assert (late.path / "mine.txt").is_file()
    assert all(path.exists() for path in foreign)


def test_what_is_being_made_is_kept(folders: tuple[Path, Path]) -> None:
    index = next(one for one in stored_in(*folders)[0] if one.gone)
    partial = partial_path(index.path)
    partial.mkdir()
    (partial / "boxes.bin").touch()
    leftover = next(one for one in stored_in(*folders)[0] if one.kind == "leftover")
    with FileLock(f"{index.path}.lock"):
        assert not remove(index) and not remove(leftover)
    assert remove(leftover) and not partial.exists()


@pytest.mark.skipif(
    not Path("/proc/self/maps").is_file(),
    reason="only Linux lists the files that processes map, in /proc",
)
def test_an_index_that_a_process_reads_is_kept(folders: tuple[Path, Path]) -> None:
    index = next(one for one in stored_in(*folders)[0] if one.kind == "index")
    code = (
        "import mmap, sys; file = open(sys.argv[1], 'rb'); "
        "mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ); "
        "print('mapped', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-S", "-c", code, str(index.path / "boxes.bin")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None and reader.stdout.readline() == b"mapped\n"
        again = next(one for one in stored_in(*folders)[0] if one.path == index.path)
        assert again.in_use and "in use" in str(again)
        assert not remove(again) and index.path.is_dir()
        assert reader.stdin is not None
        reader.stdin.close()
    again = next(one for one in stored_in(*folders)[0] if one.path == index.path)
    assert remove(again) and not index.path.exists()


def test_a_damaged_source_file_is_outdated(folders: tuple[Path, Path]) -> None:
    index = next(one for one in stored_in(*folders)[0] if one.kind == "index")
    for text in ("[]", "{}", "no JSON", json.dumps({"stamp": 5, "checksum": 3})):
        (index.path / "source.json").write_text(text)
        (again,) = (one for one in stored_in(*folders)[0] if one.path == index.path)
        assert again.outdated and again.sources == ()
