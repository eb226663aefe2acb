from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from glip_pl.training.callbacks.last import LastCheckpoint


class Line(pl.LightningModule):
    """One weight; a gradient that is no number from a given step on."""

    def __init__(self, broken_from: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.broken_from = broken_from

    def training_step(self, batch: list[Tensor], batch_index: int) -> Tensor:
        factor = float("nan") if batch_index >= self.broken_from else 1.0
        return (self.weight * batch[0].mean() * factor).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def steps_saved(folder: Path, broken_from: int) -> int:
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[LastCheckpoint(str(folder), every_steps=2)],
    )
    trainer.fit(Line(broken_from), DataLoader(TensorDataset(torch.ones(6, 1))))
    saved: int = torch.load(folder / "last.ckpt", weights_only=True)["global_step"]
    return saved


def test_the_last_state_is_saved(tmp_path: Path) -> None:
    assert steps_saved(tmp_path, broken_from=99) == 6


def test_weights_that_are_no_numbers_never_replace_good_ones(tmp_path: Path) -> None:
    assert steps_saved(tmp_path, broken_from=3) == 2
