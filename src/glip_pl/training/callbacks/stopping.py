"""The end of a training that gets no better."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from torch import Tensor


class UntilNoBetter(EarlyStopping):
    """Lightning's, by the official recipe: as good counts as better.

    A resumed run that had ended does not begin another epoch.
    """

    @property
    def monitor_op(self) -> Callable[[Tensor, Tensor], Tensor]:
        """What tells whether a validation resets the count."""
        return torch.le if self.mode == "min" else torch.ge

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting; the patience is the settings'."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once if validations were worse for long enough."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True
