"""Jobs of a sweep that train in several processes."""

import os
import sys
from pathlib import Path

import pytest
from lightning_fabric.strategies.launchers.subprocess_script import _hydra_subprocess_cmd
from omegaconf import DictConfig

from glip_pl.running.cli import command
from tests.conftest import launched
from tests.reliability.tiny import overrides, write_text_folder
from tests.training.short_runs import without_evaluation


def test_other_processes_of_a_job_run_that_job_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    @command("train")
    def job(config: DictConfig) -> None:
        started.append([*_hydra_subprocess_cmd(1)[0], config.paths.output])
        os.environ["LOCAL_RANK"] = "0"  # as Lightning does

    words = ["-m", "optimizer.lr=0.1,0.3", 'name="a b"', f"hydra.sweep.dir={tmp_path}/sweep"]
    monkeypatch.setattr(sys, "argv", ["train", *words])
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    job()
    assert "LOCAL_RANK" not in os.environ
    assert sys.argv == ["train", *words]
    for number, (given, rate) in enumerate(zip(started, ("0.1", "0.3"), strict=True)):
        folder = f"{tmp_path}/sweep/{number}"
        assert f"optimizer.lr={rate}" in given and "-m" not in given[3:]
        assert f'hydra.run.dir="{folder}"' in given
        assert given[-1] == folder


@pytest.mark.slow
def test_a_sweep_of_jobs_with_two_processes_leaves_one_folder(world: Path, tmp_path: Path) -> None:
    words = [word for word in without_evaluation(world) if word != "trainer=cpu"]
    words += [*overrides(write_text_folder(tmp_path / "text")), f"paths.runs={tmp_path}/runs"]
    words += ["trainer=ddp", "trainer.devices=2", "++trainer.accelerator=cpu"]
    words += ["trainer.precision=32-true", "trainer.max_steps=1", "optimizer.lr=0.1,0.2"]
    said = launched([sys.executable, "-m", "glip_pl.train", "-m", *words], tmp_path)
    (sweep,) = (tmp_path / "runs" / "sweeps").iterdir()
    assert sorted(path.name for path in sweep.iterdir()) == ["0", "1", "multirun.yaml"], said
    for job in ("0", "1"):
        assert (sweep / job / "checkpoints/last.ckpt").is_file(), said
        assert (sweep / job / "train_ddp_process_1.log").is_file(), said
