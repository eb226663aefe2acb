"""Folders and files that cannot be written are refused before the work."""

from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.running.outputs import check_file, check_folder


def test_a_folder_is_tried_and_not_made(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "deeper", "output")
    check_folder(tmp_path, "output")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match=r"cannot write into the folder .*file.*`output`"):
        check_folder(Path(f"{file}{below}"), "output")


def test_a_folder_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write into the folder /proc/self/x"):
        check_folder(Path("/proc/self/x"), "output")


def test_files(tmp_path: Path) -> None:
    check_file(tmp_path / "new" / "x.safetensors", "out")
    with pytest.raises(UserError, match=r"is a folder: name a file \(the setting `out`\)"):
        check_file(tmp_path, "out")
