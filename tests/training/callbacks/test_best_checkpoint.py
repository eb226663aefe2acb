"""What a resumed run knows of the best one before, wherever its folder went."""

from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.training.callbacks.best_checkpoint import BestCheckpoint


def state(file: Path) -> dict[str, Any]:
    one = BestCheckpoint(dirpath=file.parent, monitor="val/AP", mode="max")
    one.best_model_path = one.kth_best_model_path = str(file)
    one.best_model_score = torch.tensor(0.5)
    one.best_k_models = {str(file): one.best_model_score}
    return dict(one.state_dict())


@pytest.mark.parametrize("kept_in", ["before", "after"])
def test_the_best_file_is_found_where_it_was_or_in_the_folder_of_now(
    kept_in: str, tmp_path: Path
) -> None:
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
    file = tmp_path / kept_in / "best.ckpt"
    file.touch()
    resumed = BestCheckpoint(dirpath=tmp_path / "after", monitor="val/AP", mode="max")
    resumed.load_state_dict(state(tmp_path / "before" / "best.ckpt"))
    assert resumed.best_model_path == resumed.kth_best_model_path == str(file)
    assert resumed.best_k_models == {str(file): torch.tensor(0.5)}


def test_a_score_without_its_file_is_not_one_to_beat(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    resumed = BestCheckpoint(dirpath=tmp_path, monitor="val/AP", mode="max")
    resumed.load_state_dict(state(tmp_path / "before" / "best.ckpt"))
    assert resumed.best_model_path == ""
    assert resumed.best_model_score is None
    assert "before/best.ckpt does not exist any more" in caplog.text
