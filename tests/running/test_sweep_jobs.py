"""Jobs of a sweep that train in several processes."""

import os
import sys
from pathlib import Path

import pytest
from lightning_fabric.strategies.launchers.subprocess_script import _hydra_subprocess_cmd
from omegaconf import DictConfig

from glip_pl.running.cli import command


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
