"""An evaluation that goes on where it was interrupted, and tells how far it is."""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from glip_pl.inference.evaluation_cache import SAVE_INTERVAL, EvaluationCache
from glip_pl.training.module import DETECTIONS, GroundingModule
from glip_pl.types import Batch, Detections

log = logging.getLogger(__name__)


class ResumedTest(pl.Callback):
    """Keeps what a test finds on disk, and counts what an earlier try has found."""

    def __init__(self, unfinished: Mapping[str, EvaluationCache]) -> None:
        """One for every test set. What they hold now is what the loaders must leave out."""
        self.unfinished = dict(unfinished)
        self.found = {name: one.load() for name, one in self.unfinished.items()}

    @property
    def done(self) -> dict[str, frozenset[int]]:
        """Images of every set that need not be done again."""
        return {name: frozenset(found) for name, found in self.found.items()}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the earlier try, in one process."""
        assert isinstance(pl_module, GroundingModule)
        for name, found in self.found.items():
            if found and trainer.is_global_zero:
                log.info("%s: %d images were done by an interrupted evaluation", name, len(found))
                pl_module.test[name].metric.update(list(found.values()), list(found))
        self.found = {}

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: dict[str, list[Detections]],  # type: ignore[override]  # what our module returns
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Remember a batch."""
        one = list(self.unfinished.values())[dataloader_idx]
        one.add(batch.image_ids, outputs[DETECTIONS])

    def _save(self) -> None:
        for one in self.unfinished.values():
            one.save()

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save all before the figures are computed, which may take a minute."""
        self._save()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Save what a Ctrl-C or a crash would lose."""
        self._save()


class EvaluationProgress(pl.Callback):
    """A line now and then where no progress bar shows: in files, and under a scheduler."""

    def __init__(self) -> None:
        self.begun = self.told = 0.0

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.begun = self.told = time.monotonic()
        self.batches = 0

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Tell how far it is."""
        self.batches += 1
        now = time.monotonic()
        if sys.stdout.isatty() or not trainer.is_global_zero or now - self.told < SAVE_INTERVAL:
            return
        self.told = now
        total = int(sum(trainer.num_test_batches))
        left = (now - self.begun) * (total - self.batches) / self.batches
        log.info("batch %d of %d, about %.0f min left", self.batches, total, left / 60)
