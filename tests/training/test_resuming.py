"""Runs that go on after they were cut in a validation, or after they had ended by themselves."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from glip_pl.train import train
from glip_pl.types import Batch
from tests.conftest import SMALL, Compose


class Cut(pl.Callback):
    """Fails in the validation of one epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.current_epoch == self.epoch:
            raise RuntimeError("power is gone")


def ended(config: DictConfig) -> dict[str, Any]:
    """What a run that ends by itself leaves."""
    train(config)
    content = torch.load(
        Path(config.paths.output, "checkpoints", "last.ckpt"), map_location="cpu", weights_only=True
    )
    return dict(content)


def test_a_run_cut_in_validation_validates_and_goes_on_the_same(
    custom: Path, tiny: list[str], settings: Compose, tmp_path: Path
) -> None:
    # At this rate none is better than the first, or as good: the rate drops, the third ends it.
    words = [
        *(one for one in SMALL if not one.startswith("data.prepare")),
        *("experiment=few_shot", f"data.root={custom}", "tuning=head", "shots=full"),
        *("data.train_transform.max_side=96", "data.eval_transform.max_side=96"),
        *("data.test=null", "callbacks.pictures=null"),
        *(
            *tiny,
            "optimizer.lr=1e-5",
            "schedule.patience=0",
            "callbacks.stop.patience=2",
            "+callbacks.stop.min_delta=-1",
        ),
    ]
    whole = ended(settings([*words, f"paths.output={tmp_path}/whole"]))
    assert whole["epoch"] == 3
    words.append(f"paths.output={tmp_path}/cut")
    cut = f"{{_target_: {Cut.__module__}.{Cut.__name__}, epoch: 1}}"
    with pytest.raises(RuntimeError, match="power is gone"):
        train(settings([*words, f"+callbacks.cut={cut}"]))
    rest = ended(settings(words))
    again = ended(settings(words))  # it had ended: nothing is trained
    for found in (rest, again):
        assert found["epoch"] == whole["epoch"]
        assert found["global_step"] == whole["global_step"]
        assert found["lr_schedulers"] == whole["lr_schedulers"]
        assert found["optimizer_states"][0]["param_groups"][0]["lr"] < 5e-6
        weights, expected = found["state_dict"], whole["state_dict"]
        assert all(torch.equal(weights[name], expected[name]) for name in expected)
