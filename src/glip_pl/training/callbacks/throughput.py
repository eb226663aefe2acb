"""Images per second and memory use, in the progress bar and in every logger."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
import torch

from glip_pl.terminal.progress import INTERVAL, ProgressLine
from glip_pl.types import Batch


class Throughput(pl.Callback):
    """Counts the training images of all processes between two log steps, without evaluation.

    Lightning's ThroughputMonitor writes to loggers only, not to the progress bar.
    """

    def __init__(self, every: float = INTERVAL) -> None:
        """Without a terminal, log a line every so many seconds."""
        self.every = every
        self.images = 0
        self.started = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start to estimate the time left, without the steps that a resumed run has done before."""
        self.line = ProgressLine(self.every, delay=0, already_done=trainer.global_step)

    def _restart(self) -> None:
        self.images, self.started = 0, time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._restart()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock again after an evaluation within an epoch."""
        self._restart()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Count the images of a batch, and log at the trainer's log interval."""
        self.images += len(batch)
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # its connector sets it
        # By steps, not by batches of an epoch: an epoch of few pictures is shorter than `every`.
        if trainer.global_step % every and not trainer.is_last_batch:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        rate = self.images * trainer.world_size / (time.perf_counter() - self.started)
        pl_module.log("images/s", rate, prog_bar=True, batch_size=len(batch))
        pl_module.log("memory_gb", peak_memory_gb(), batch_size=len(batch))
        self._restart()
        if trainer.is_global_zero:
            loss = trainer.callback_metrics.get("train/loss")  # None before the first is averaged
            total = int(trainer.estimated_stepping_batches)
            details = "" if loss is None else f", loss {float(loss):.3f}"
            details += f", {rate:.1f} images/s"
            self.line.update(trainer.global_step, total, "step", details)


def peak_memory_gb() -> float:
    """Largest memory of this process so far: of its GPU if it has one, else main memory.

    NaN on Windows without a GPU, where Python does not tell it.
    """
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
