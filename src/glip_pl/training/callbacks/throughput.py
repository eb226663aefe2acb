"""Images per second and memory, in the progress bar and in every logger."""

import logging
import resource
import sys
import time
from typing import Any

import pytorch_lightning as pl
import torch

from glip_pl.types import Batch

log = logging.getLogger(__name__)


class Throughput(pl.Callback):
    """Counts training images over all processes between two log steps, evaluation left out.

    Lightning's ThroughputMonitor writes to loggers only; people look at the progress bar.
    """

    def __init__(self, every: float = 30.0) -> None:
        """Without a terminal, write a line every so many seconds."""
        self.every = every
        self.told = 0.0
        self.images = 0
        self.started = 0.0
        self.begun = 0.0
        self.first_step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember where a resumed run begins, for the time left."""
        self.begun, self.first_step = time.monotonic(), trainer.global_step

    def _restart(self) -> None:
        self.images, self.started = 0, time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._restart()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock anew after an evaluation in the middle of an epoch."""
        self._restart()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Count, and log at the trainer's log interval."""
        self.images += len(batch)
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # its connector sets it
        # By steps, not by batches of an epoch: epochs of a few pictures are shorter than `every`.
        if trainer.global_step % every and not trainer.is_last_batch:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        rate = self.images * trainer.world_size / (time.perf_counter() - self.started)
        pl_module.log("images/s", rate, prog_bar=True, batch_size=len(batch))
        pl_module.log("memory_gb", peak_memory_gb(), batch_size=len(batch))
        self._restart()
        self._tell(trainer, rate)

    def _tell(self, trainer: pl.Trainer, rate: float) -> None:
        """One line now and then where no progress bar shows: in files, and under a scheduler."""
        now = time.monotonic()
        if sys.stdout.isatty() or not trainer.is_global_zero or now - self.told < self.every:
            return
        self.told = now
        step, total = trainer.global_step, trainer.estimated_stepping_batches
        left = (now - self.begun) * (total - step) / max(1, step - self.first_step)
        loss = float(trainer.callback_metrics.get("train/loss", float("nan")))
        log.info(
            "step %d of %d, loss %.3f, %.1f images/s, about %.0f min left",
            step,
            total,
            loss,
            rate,
            left / 60,
        )


def peak_memory_gb() -> float:
    """Largest memory of this process so far: of its GPU if it has one, else of main memory."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
