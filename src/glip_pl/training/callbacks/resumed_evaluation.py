"""A test that continues where an interrupted one stopped, and reports its progress."""

import logging
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from glip_pl.inference.evaluation_cache import EvaluationCache
from glip_pl.terminal.progress import INTERVAL, ProgressLine
from glip_pl.training.module import DETECTIONS, GroundingModule
from glip_pl.types import Batch, Detections

log = logging.getLogger(__name__)


class ResumedTest(pl.Callback):
    """Saves the detections of a test on disk, and reuses those that an earlier attempt saved."""

    def __init__(self, caches: Mapping[str, EvaluationCache]) -> None:
        """`caches` are those of the test sets, in their order.

        The loaders must leave out the images whose detections are in a cache now (`done`).
        """
        self.caches = dict(caches)
        self.cached = {name: cache.load() for name, cache in self.caches.items()}

    @property
    def done(self) -> dict[str, frozenset[int]]:
        """Ids of the images of every set whose detections are already known."""
        return {name: frozenset(detections) for name, detections in self.cached.items()}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the cached detections to the metrics, in one process only."""
        assert isinstance(pl_module, GroundingModule)
        for name, detections in self.cached.items():
            if detections and trainer.is_global_zero:
                message = "%s: %d images were evaluated before an interruption"
                log.info(message, name, len(detections))
                metric = pl_module.test.sets[name].metric
                metric.update(list(detections.values()), list(detections))
        self.cached = {}

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: dict[str, list[Detections]],  # type: ignore[override]  # what our module returns
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the detections of a batch to the cache of its set, but not of unreadable images.

        These are tried again when the evaluation is started again.
        """
        cache = list(self.caches.values())[dataloader_idx]
        readable = {
            image_id: detections
            for image_id, detections in zip(batch.image_ids, outputs[DETECTIONS], strict=True)
            if image_id not in batch.unreadable
        }
        cache.add(list(readable), list(readable.values()))

    def _save(self) -> None:
        for cache in self.caches.values():
            cache.save()

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save all detections before the figures are computed, which may take a minute."""
        self._save()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Save what a Ctrl-C or a crash would lose."""
        self._save()


class EvaluationProgress(pl.Callback):
    """Logs the progress of a test where no progress bar is shown."""

    def __init__(self, every: float = INTERVAL) -> None:
        """Log a line every so many seconds."""
        self.every = every

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.line = ProgressLine(self.every, delay=self.every)
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
        """Log how many batches of all sets are done, if a line is due."""
        self.batches += 1
        if trainer.is_global_zero:
            self.line.update(self.batches, int(sum(trainer.num_test_batches)), "batch")
