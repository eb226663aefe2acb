"""A run that is killed without warning goes on from its last checkpoint as if nothing happened."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRAIN = [
    *(sys.executable, "-m", "glip_pl.train", "experiment=shapes_pretrain", "trainer=cpu"),
    *("data.prepare=null", "data.val=null", "data.test=null", "data.workers=2"),
    *("callbacks.best=null", "callbacks.pictures=null", "callbacks.ema=null"),
    *("callbacks.progress=null", "+trainer.enable_progress_bar=false"),
    *("trainer.max_epochs=2", "trainer.log_every_n_steps=1", "callbacks.last.every_steps=2"),
    *("data.batch_size=4", "model.fusion.dropout=0"),
]


def losses(run: Path) -> dict[int, float]:
    """The loss of every step that a run logged."""
    with next(run.rglob("metrics.csv")).open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("train/loss")]
    return {int(row["step"]): float(row["train/loss"]) for row in rows}


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_very_losses(world: Path, tmp_path: Path) -> None:
    words = [*TRAIN, f"data.root={world}"]
    subprocess.run([*words, f"hydra.run.dir={tmp_path}/whole"], check=True, cwd=tmp_path)
    whole = losses(tmp_path / "whole")
    cut = subprocess.Popen(
        [*words, f"hydra.run.dir={tmp_path}/cut"], cwd=tmp_path, start_new_session=True
    )
    last = tmp_path / "cut/checkpoints/last.ckpt"
    while not last.exists():
        assert cut.poll() is None
        time.sleep(0.1)
    os.killpg(cut.pid, signal.SIGKILL)  # the loader's workers too
    cut.wait()
    words += [f"hydra.run.dir={tmp_path}/rest", f"resume={last}"]
    subprocess.run(words, check=True, cwd=tmp_path)
    rest = losses(tmp_path / "rest")
    assert 0 < min(rest) < max(rest) == max(whole)
    assert rest == {step: whole[step] for step in rest}
