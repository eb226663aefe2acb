"""The end of a training that gets no better."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping


class UntilNoBetter(EarlyStopping):
    """Lightning's, but a resumed run that had ended does not begin another epoch."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once if validations were no better for long enough."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True
