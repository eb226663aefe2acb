"""The end of a training that gets no better."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping


class UntilNoBetter(EarlyStopping):
    """Lightning's, by the official recipe: as good counts as better.

    A resumed run that had ended does not begin another epoch.
    """

    mode_dict = {"min": torch.le, "max": torch.ge}  # noqa: RUF012  # as the class above has it

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once if validations were worse for long enough."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True
