"""The exponential moving average of the weights."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage(WeightAveraging):
    """Lightning's average, computed by interpolation: frozen weights stay equal to the last bit."""

    def __init__(self, decay: float) -> None:
        # Buffers hold constants such as token positions: they are copied, not averaged.
        super().__init__(use_buffers=False, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Count the steps on the CPU, which would wait for a GPU to look at their number."""
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            assert self._average_model is not None
            self._average_model.n_averaged = self._average_model.n_averaged.cpu()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the weights as they are until `on_fit_end`: the final checkpoint holds them."""

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the average in the model, also when a resumed run had nothing left to train."""
        self._copy_average_to_current(pl_module)
