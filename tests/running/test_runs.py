import os
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.running.runs import find_checkpoint


def test_the_newest_run_wins(tmp_path: Path) -> None:
    for age, name in ((30, "a"), (10, "b"), (20, "c")):
        path = tmp_path / name / "checkpoints" / "last.ckpt"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    assert find_checkpoint("last", tmp_path) == tmp_path / "b" / "checkpoints" / "last.ckpt"
    with pytest.raises(UserError, match="has a best checkpoint"):
        find_checkpoint("best", tmp_path)
    with pytest.raises(UserError, match="is a folder, not a checkpoint"):
        find_checkpoint(str(tmp_path), tmp_path)
    with pytest.raises(UserError, match=rf"such as {tmp_path}/a/checkpoints/last.ckpt"):
        find_checkpoint(str(tmp_path), tmp_path)
    with pytest.raises(UserError, match=r"no such checkpoint: x\.ckpt \(the setting `ckpt`\)"):
        find_checkpoint("x.ckpt", tmp_path)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (None, "before=null names no checkpoint"),
        ("", "before= names no checkpoint"),
        ("https://a.b/c.pth", "before=https://a.b/c.pth is an address .* download the file"),
        (".", r"is a folder.* \(the setting `before`\)"),
    ],
)
def test_what_is_no_file_is_called_so(wanted: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        find_checkpoint(wanted, tmp_path, "before")


def test_a_folder_with_one_model_is_a_checkpoint(tmp_path: Path) -> None:
    """As `save_pretrained` writes it."""
    file = tmp_path / "model.safetensors"
    file.touch()
    assert find_checkpoint(str(tmp_path), tmp_path) == file
