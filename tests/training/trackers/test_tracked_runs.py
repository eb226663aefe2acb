"""A run that continues another one continues its runs in trackers; others start anew."""

from pathlib import Path

import pytest

from glip_pl.training.trackers.tracked_runs import (
    FILE,
    keep_tracked_run,
    start_tracked_runs,
    tracked_run,
)


def test_a_resumed_run_has_the_runs_of_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    keep_tracked_run(first, "mlflow", "abc1")
    keep_tracked_run(first, "wandb", "xyz")
    last = first / "checkpoints" / "last.ckpt"
    start_tracked_runs(second, last)
    assert tracked_run(second, "mlflow") == "abc1" and tracked_run(second, "wandb") == "xyz"
    start_tracked_runs(first, last)  # in its own folder
    assert tracked_run(first, "mlflow") == "abc1"
    start_tracked_runs(second, last.with_name("best.ckpt"))  # another continuation than its own
    assert tracked_run(second, "mlflow") is None
    start_tracked_runs(first, None)  # a new run in the same folder
    assert tracked_run(first, "mlflow") is None


@pytest.mark.parametrize("content", ["", "[]", '{"mlflow": 5}', '{"mlflow": "../up"}', "[" * 9999])
def test_a_damaged_file_starts_a_new_run(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    assert tracked_run(tmp_path, "mlflow") is None
    keep_tracked_run(tmp_path, "mlflow", "abc")
    assert tracked_run(tmp_path, "mlflow") == "abc"
