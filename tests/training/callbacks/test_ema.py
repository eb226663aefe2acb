"""The moving average of weights is what a training leaves."""

from pathlib import Path

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
