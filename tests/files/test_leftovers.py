import os
from pathlib import Path

from glip_pl.files.leftovers import remove_leftovers, remove_leftovers_in
from glip_pl.files.writing import partial_path


def test_unfinished_versions_of_a_path_are_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "index[1]"
    folder, file, link = (partial_path(path) for _ in range(3))
    kept = {
        path,
        partial_path(tmp_path / "index"),  # of another path
        partial_path(tmp_path / "index[1].json"),
        tmp_path / ".index[1].mine.partial",
    }
    for name in kept:
        name.touch()
    (folder / "inner").mkdir(parents=True)
    (folder / "inner/file").touch()
    file.touch()
    (tmp_path / "elsewhere").mkdir()
    link.symlink_to(tmp_path / "elsewhere")
    remove_leftovers(path)
    assert set(tmp_path.iterdir()) == {*kept, tmp_path / "elsewhere"}


def test_a_missing_folder_has_no_leftovers(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "absent" / "file")
    assert not (tmp_path / "absent").exists()


def test_files_that_a_living_process_may_be_writing_stay(tmp_path: Path) -> None:
    old, new = (partial_path(tmp_path / "file") for _ in range(2))
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    remove_leftovers(tmp_path / "file", unchanged_for=60)
    assert list(tmp_path.iterdir()) == [new]
    remove_leftovers_in(tmp_path)
    assert list(tmp_path.iterdir()) == []
