"""Continues an epoch with another number of processes or another batch size."""

from collections.abc import MutableMapping
from typing import Any, Protocol

import pytorch_lightning as pl
from pytorch_lightning.loops.progress import _ProcessedTracker

from glip_pl.errors import UserError
from glip_pl.training.callbacks.last_checkpoint import PROGRESS
from glip_pl.training.callbacks.resumed_settings import SETTINGS_KEY


class ResumableData(Protocol):
    """Training data that know how far a run is in its epoch (data/datamodule.py)."""

    batch_size: int
    progress: Any  # of the checkpoint; None if it does not say how batches are counted

    def resume_epoch(self, epoch: int, counters: MutableMapping[str, Any]) -> None:
        """Translate a checkpoint's counters of batches."""


class ResumedEpoch(pl.Callback):
    """Translates a checkpoint's count of batches before Lightning restores it."""

    def __init__(self, data: ResumableData) -> None:
        self.data = data

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Count the batches as this run makes them.

        Raises UserError if the checkpoint does not say how it counts them, as those of older
        versions, and its batch size was another.
        """
        if trainer.state.fn != "fit":
            return
        before = checkpoint.get(SETTINGS_KEY, {}).get("data.batch_size", self.data.batch_size)
        if self.data.progress is None and before != self.data.batch_size:
            raise UserError(
                f"data.batch_size={self.data.batch_size} (was {before}): a checkpoint of this "
                "older version does not say which samples of the epoch it has seen; "
                "give the old value, or start a new training: ckpt=... without resume"
            )
        self.data.resume_epoch(checkpoint["epoch"], checkpoint["loops"]["fit_loop"][PROGRESS])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin the next epoch after one that a signal has ended with its last batch.

        Lightning would count it twice, and with `max_steps` it would also take the next one for
        the finished one, and skip it.
        """
        progress = trainer.fit_loop.epoch_progress
        for counters in (progress.total, progress.current):
            assert isinstance(counters, _ProcessedTracker)  # which its type does not say
            counters.completed = min(counters.completed, counters.processed)
        if trainer.fit_loop.restarting and progress.current.completed == progress.current.ready:
            trainer.fit_loop._restarting = False  # its setter keeps True where there are max_steps
            trainer.fit_loop.epoch_loop.restarting = False
