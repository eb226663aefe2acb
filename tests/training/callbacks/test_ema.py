"""The moving average of weights is what a training leaves."""

from pathlib import Path

import pytorch_lightning as pl
import torch

from glip_pl.training.callbacks.ema import MovingAverage
from glip_pl.training.callbacks.last_checkpoint import LastCheckpoint
from tests.training.callbacks.lines import Line, trained


def averaged(folder: Path, resume: Path | None = None) -> Line:
    return trained(Line(), [LastCheckpoint(str(folder)), MovingAverage(0.9)], 2, resume)


def test_a_run_that_had_ended_leaves_the_average_again(tmp_path: Path) -> None:
    first = averaged(tmp_path)
    raw = 1 - 0.1 * 12
    assert float(first.weight.detach()) > raw + 0.3
    again = averaged(tmp_path, resume=tmp_path / "last.ckpt")
    assert torch.equal(again.weight, first.weight)


def test_whole_numbers_are_not_averaged(tmp_path: Path) -> None:
    line = averaged(tmp_path)
    assert torch.equal(line.get_buffer("places"), torch.arange(512))


def test_an_update_does_not_wait_for_the_device() -> None:
    """The meta device stands for a GPU: it has no values to wait for."""
    line, average = Line(), MovingAverage(0.9)
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    average.setup(trainer, line, "fit")
    assert average._average_model is not None
    average._average_model.module.to("meta")
    for _ in range(2):
        average._average_model.update_parameters(line)
