"""A run whose folder cannot be made ends with a message."""

from pathlib import Path

import pytest

from glip_pl import train
from tests.conftest import Failing


@pytest.mark.parametrize(
    "words", [("hydra.run.dir={}/x",), ("hydra.mode=MULTIRUN", "hydra.sweep.dir={}/x", "seed=1,2")]
)
def test_the_folder_of_a_run_or_a_sweep(
    failing: Failing, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "file"
    file.touch()
    said = failing(train.main, *(word.format(file) for word in words))
    assert said.startswith(f"error: cannot write into the folder {file}/x: Not a directory")
    assert "the setting `hydra." in said


def test_the_folder_that_is_named_by_the_experiment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    words = ["experiment=finetune_custom", "data.root=x", f"paths.runs={tmp_path}/file"]
    monkeypatch.setattr("sys.argv", ["train", *words])
    with pytest.raises(SystemExit):
        train.main()
    said = capfd.readouterr().err
    assert said.startswith(f"error: cannot write into the folder {tmp_path}/file/finetune_custom/")
    assert said.count("\n") == 1
