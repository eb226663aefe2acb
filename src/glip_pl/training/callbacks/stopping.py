"""Ends a training whose validation score no longer improves."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from torch import Tensor


class UntilNoBetter(EarlyStopping):
    """Lightning's early stopping, but equal to the best counts as better (official GLIP code).

    A resumed run that had already ended does not begin another epoch.
    """

    @property
    def monitor_op(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The comparison that decides whether a score resets the count of worse validations."""
        return torch.le if self.mode == "min" else torch.ge

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the count of worse validations; the patience comes from the settings."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once if the resumed run had already run out of patience."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True
