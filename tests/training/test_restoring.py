"""A damaged state of a training is told, with the checkpoint's name, before the training begins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from glip_pl.errors import UserError
from glip_pl.training.restoring import restored


class Line(pl.LightningModule):
    """A model of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        loss: Tensor = self.layer(batch).sum()
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters())


def batches() -> DataLoader[Tensor]:
    rows: Any = torch.ones(3, 2)  # a tensor is a dataset too, which the types do not say
    return DataLoader(rows)


def fitted(checkpoint: Path | None, steps: int = 1) -> pl.Trainer:
    trainer = pl.Trainer(
        max_steps=steps,
        logger=False,
        enable_checkpointing=False,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with restored(trainer, checkpoint):
        trainer.fit(Line(), batches(), ckpt_path=checkpoint)
    return trainer


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    fitted(None).save_checkpoint(tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_a_sound_state_is_resumed(checkpoint: Path) -> None:
    assert fitted(checkpoint, 2).global_step == 2


def reshaped(entries: dict[str, Any]) -> None:
    entries["optimizer_states"][0]["state"][0]["exp_avg"] = torch.ones(5)


DAMAGE: list[Callable[[dict[str, Any]], object]] = [
    reshaped,
    lambda entries: entries["optimizer_states"][0]["state"][0].update(exp_avg="text"),
    lambda entries: entries["optimizer_states"][0].pop("param_groups"),
    lambda entries: entries["loops"]["fit_loop"].update({"epoch_loop.batch_progress": 3}),
    lambda entries: entries.pop("pytorch-lightning_version"),
    lambda entries: entries["state_dict"].pop("layer.bias"),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_told(
    damage: Callable[[dict[str, Any]], object], checkpoint: Path
) -> None:
    entries = torch.load(checkpoint, weights_only=True)
    damage(entries)
    torch.save(entries, checkpoint)
    with pytest.raises(UserError, match=r"last\.ckpt cannot be resumed .*: its state is damaged"):
        fitted(checkpoint, 2)


def test_errors_of_the_training_itself_stay_as_they_are(checkpoint: Path) -> None:
    class Failing(Line):
        def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
            raise ZeroDivisionError

    for resumed in (None, checkpoint):
        trainer = pl.Trainer(
            max_steps=2,
            logger=False,
            enable_checkpointing=False,
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        with pytest.raises(ZeroDivisionError), restored(trainer, resumed):
            trainer.fit(Failing(), batches(), ckpt_path=resumed)
