"""The moving average of weights is what a training leaves."""

from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from glip_pl.training.callbacks.average import MovingAverage
from glip_pl.training.callbacks.last import LastCheckpoint


class Line(pl.LightningModule):
    """One weight, and places that are counted in whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.register_buffer("places", torch.arange(512))

    def training_step(self, batch: list[Tensor], batch_index: int) -> Tensor:
        return (self.weight * batch[0].mean()).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def trained(folder: Path, resume: Path | None = None) -> Line:
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[LastCheckpoint(str(folder)), MovingAverage(0.9)],
    )
    line = Line()
    trainer.fit(line, DataLoader(TensorDataset(torch.ones(6, 1))), ckpt_path=resume)
    return line


def test_a_run_that_had_ended_leaves_the_average_again(tmp_path: Path) -> None:
    first = trained(tmp_path)
    raw = 1 - 0.1 * 12
    assert float(first.weight.detach()) > raw + 0.3
    again = trained(tmp_path, resume=tmp_path / "last.ckpt")
    assert torch.equal(again.weight, first.weight)


def test_whole_numbers_are_not_averaged(tmp_path: Path) -> None:
    line = trained(tmp_path)
    assert torch.equal(line.get_buffer("places"), torch.arange(512))
