"""The smallest training there is, for callbacks that look at nothing but weights and steps."""

from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset


class Line(pl.LightningModule):
    """One weight that sinks by a tenth a step; no number from the step `broken_from` on."""

    def __init__(self, broken_from: int = 99) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.register_buffer("places", torch.arange(512))
        self.broken_from = broken_from

    def training_step(self, batch: list[Tensor], batch_index: int) -> Tensor:
        factor = float("nan") if batch_index >= self.broken_from else 1.0
        return (self.weight * batch[0].mean() * factor).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def trained(
    line: Line, callbacks: Sequence[pl.Callback], epochs: int = 1, resume: Path | None = None
) -> Line:
    """After epochs of six steps."""
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
    )
    trainer.fit(line, DataLoader(TensorDataset(torch.ones(6, 1))), ckpt_path=resume)
    return line
