"""A training that is killed without warning ends, when resumed, as if nothing had happened."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

TRAIN = [
    *(sys.executable, "-m", "glip_pl.train", "experiment=shapes_pretrain", "trainer=cpu"),
    *("data.prepare=null", "data.test=null", "data.workers=2", "data.batch_size=4"),
    *("callbacks.pictures=null", "callbacks.progress=null", "callbacks.ema.decay=0.9"),
    *("trainer.max_epochs=2", "trainer.log_every_n_steps=1", "callbacks.last.every_steps=2"),
    *("+trainer.enable_progress_bar=false", "data.val.seen.limit=2"),
]


def losses(run: Path) -> dict[int, float]:
    """The loss of every step that a run logged."""
    with next(run.rglob("metrics.csv")).open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("train/loss")]
    return {int(row["step"]): float(row["train/loss"]) for row in rows}


def checkpoint(run: Path, name: str) -> dict[str, Any]:
    return dict(torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_killed_run_ends_as_an_uninterrupted_one(world: Path, tmp_path: Path, seed: int) -> None:
    """Killed at a random moment; compares losses, weights, moving averages and the best weights."""
    words = [*TRAIN, f"data.root={world}"]
    subprocess.run([*words, f"hydra.run.dir={tmp_path}/whole"], check=True, cwd=tmp_path)
    whole = losses(tmp_path / "whole")
    cut = subprocess.Popen(
        [*words, f"hydra.run.dir={tmp_path}/cut"], cwd=tmp_path, start_new_session=True
    )
    last = tmp_path / "cut/checkpoints/last.ckpt"
    while not last.exists() or checkpoint(tmp_path / "cut", "last")["global_step"] == 0:
        assert cut.poll() is None
        time.sleep(0.1)
    time.sleep(random.Random(seed).uniform(0, 3))
    os.killpg(cut.pid, signal.SIGKILL)  # the loader's workers too
    cut.wait()
    words += [f"hydra.run.dir={tmp_path}/cut", f"resume={last}"]
    subprocess.run(words, check=True, cwd=tmp_path)
    rest = losses(tmp_path / "cut" / "csv_1")
    assert 0 < min(rest) < max(rest) == max(whole)
    assert rest == {step: whole[step] for step in rest}
    for name in ("last", "best"):
        expected, content = (checkpoint(tmp_path / run, name) for run in ("whole", "cut"))
        assert content["global_step"] == expected["global_step"]
        for key in ("state_dict", "current_model_state"):
            assert all(torch.equal(content[key][n], value) for n, value in expected[key].items())
