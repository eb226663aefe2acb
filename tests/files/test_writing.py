import json
import os
import stat
import threading
from pathlib import Path

import pytest

from glip_pl.files.writing import PARTIAL, partial_folder, write_json, write_whole


def test_a_file_appears_when_its_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with write_whole(path) as partial:
        assert partial.parent == path.parent
        assert partial.name.endswith(PARTIAL)
        partial.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("linking", [True, False])
def test_the_file_that_is_replaced_is_kept_under_its_second_name(
    tmp_path: Path, linking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kept = tmp_path / "file.txt", tmp_path / "kept.txt"
    if not linking:

        def refuse(*_: object) -> None:
            raise PermissionError("no hard links here")

        monkeypatch.setattr("os.link", refuse)
    for number in range(3):
        with write_whole(path, kept) as partial:
            partial.write_text(str(number))
    assert (path.read_text(), kept.read_text()) == ("2", "1")
    assert sorted(tmp_path.iterdir()) == [path, kept]


def test_the_content_and_then_the_name_are_forced_onto_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, forced = tmp_path / "file.txt", []

    def force(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        forced.append(("folder" if is_folder else "file", path.exists()))

    monkeypatch.setattr("os.fsync", force)
    with write_whole(path) as partial:
        partial.write_text("content")
    assert forced == [("file", False), ("folder", True)]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_writing_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), write_whole(path) as partial:
        partial.write_text("half of the new cont")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_whole(tmp_path / "file.txt"):
        pass
    assert not list(tmp_path.iterdir())


def test_of_writers_at_the_same_time_each_writes_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    together = threading.Barrier(4)

    def write(letter: str) -> None:
        with write_whole(path) as partial:
            partial.write_text(letter * 1000)
            together.wait()

    threads = [threading.Thread(target=write, args=[letter]) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = path.read_text()
    assert content in [letter * 1000 for letter in "abcd"]
    assert list(tmp_path.iterdir()) == [path]


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    content = {"name": "Möwe", "values": [1, 2.5, None, True]}
    write_json(tmp_path / "file.json", content)
    assert json.loads((tmp_path / "file.json").read_text(encoding="utf-8")) == content


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_refuses_numbers_that_it_cannot_hold(tmp_path: Path, number: float) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"ap": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"ap": number})
    assert json.loads(path.read_text()) == {"ap": 0.5}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_stays_if_it_was_renamed_and_is_removed_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder"
    with partial_folder(path) as partial:
        (partial / "file").write_text("content")
        partial.rename(path)
    assert (path / "file").read_text() == "content"
    with pytest.raises(RuntimeError), partial_folder(path) as partial:
        (partial / "file").write_text("half")
        raise RuntimeError
    assert (path / "file").read_text() == "content"
    assert list(path.parent.iterdir()) == [path]
