"""Trainings of two processes on the tiny world, and what they leave."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.environments.lightning import find_free_network_port

from tests.conftest import SMALL
from tests.training.commands import Command, Place, start
from tests.training.short_runs import logged


def six_steps(world: Path, tiny: Sequence[str]) -> list[str]:
    """A training of six steps in two processes, validated and tested, without its trainer."""
    return [
        *[word for word in SMALL if word != "trainer=cpu"],
        *(*tiny, f"data.root={world}", "trainer.max_epochs=1", "data.batch_size=2"),
        *("callbacks.ema=null", "callbacks.last.every_steps=2"),
        *("++trainer.accelerator=cpu", "trainer.precision=bf16-mixed", "trainer.devices=2"),
        *("data.train_transform.flip=0.5", "tuning=full"),
    ]


def two(words: Sequence[str], folder: Path, module: str = "glip_pl.train", code: int = 0) -> str:
    """What two processes of a command say, which must end with this code."""
    port = find_free_network_port()
    folder.mkdir(exist_ok=True)
    every = [*words, f"hydra.run.dir={folder}"]
    commands = [Command(module, every, folder, Place(rank, 2, port)) for rank in (0, 1)]
    processes = [start(command) for command in commands]
    for process in processes:
        process.join(150)
    log = (folder / "log.txt").read_text()
    assert [process.exitcode for process in processes] == [code] * 2, log
    assert "deprecated" not in log
    return log


def saved(folder: Path) -> dict[str, Any]:
    """The last checkpoint of a training."""
    return dict(torch.load(folder / "checkpoints/last.ckpt", weights_only=True))


def losses(folder: Path) -> list[float]:
    """The logged losses of a training."""
    return [float(row["train/loss"]) for row in logged(folder) if row["train/loss"]]


def results(folder: Path) -> Any:
    """The figures of a test."""
    return json.loads((folder / "results.json").read_text())["sets"]
