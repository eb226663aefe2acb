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
    with pytest.raises(UserError, match=r"no such checkpoint: x\.ckpt"):
        find_checkpoint("x.ckpt", tmp_path)
