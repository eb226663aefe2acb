import os
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.running.runs import claim, find_checkpoint


def test_the_newest_run_wins(tmp_path: Path) -> None:
    for age, name in ((30, "a"), (10, "b"), (20, "c")):
        path = tmp_path / name / "checkpoints" / "last.ckpt"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    assert find_checkpoint("last", tmp_path) == tmp_path / "b" / "checkpoints" / "last.ckpt"
    with pytest.raises(UserError, match="has a best checkpoint"):
        find_checkpoint("best", tmp_path)
    with pytest.raises(UserError, match=r"no such checkpoint: x\.ckpt"):
        find_checkpoint("x.ckpt", tmp_path)


def test_a_folder_is_one_runs(tmp_path: Path) -> None:
    claim(tmp_path / "run", "these")
    claim(tmp_path / "run", "these")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["settings_key.txt"]
    claim(tmp_path / "run", "mended")  # the one before has left nothing to go on with
    (tmp_path / "run" / "checkpoints").mkdir()
    (tmp_path / "run" / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(UserError, match=r"run holds a run with other settings.*hydra\.sweep\.dir"):
        claim(tmp_path / "run", "others")
