"""The moving average of the weights."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage(WeightAveraging):
    """Lightning's, by interpolation: what does not train stays the same to the last bit."""

    def __init__(self, decay: float) -> None:
        # Buffers are places of words and the like, whole numbers: copied, not averaged.
        super().__init__(use_buffers=False, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the average in the model, also if a resumed run had nothing left to train."""
        self._copy_average_to_current(pl_module)
