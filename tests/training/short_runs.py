"""Short trainings on the tiny world, and what they have logged."""

import csv
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig

from glip_pl.train import Run, prepare
from glip_pl.types import Batch
from tests.conftest import SMALL

Step = tuple[list[int], list[str], int]
"""The images, captions and sum of all pixels of a batch."""


def logged(output: Path) -> list[dict[str, str]]:
    """The rows that a run's CSV logger has written."""
    with (output / "csv" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def short(world: Path, *more: str) -> list[str]:
    """Overrides of a training of one epoch."""
    return [*SMALL, f"data.root={world}", "data.batch_size=4", "trainer.max_epochs=1", *more]


def without_evaluation(world: Path, *more: str) -> list[str]:
    """Overrides of a training of one epoch that is neither validated nor tested."""
    return short(world, "data.val=null", "data.test=null", "callbacks.best=null", *more)


class StepRecorder(pl.Callback):
    """Records what every training step was given, and fails before one of them if asked to."""

    def __init__(self, fail_at: int | None) -> None:
        self.steps: list[Step] = []
        self.fail_at = fail_at

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if batch_idx == self.fail_at:
            raise RuntimeError("power failure")

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        captions = [prompt.caption for prompt in batch.prompts]
        self.steps.append((batch.image_ids, captions, int(batch.images.sum())))


def fit(
    config: DictConfig,
    resume: Path | None = None,
    fail_at: int | None = None,
    change: Callable[[Run], object] = lambda run: None,
    around: Callable[[pl.Trainer], AbstractContextManager[None]] = lambda trainer: nullcontext(),
) -> tuple[Run, list[Step]]:
    """Train, after a `change` of what is built; returns it and what every step was given."""
    pl.seed_everything(0)
    config.resume = None if resume is None else str(resume)
    run = prepare(config, None)
    change(run)
    recorder = StepRecorder(fail_at)
    run.trainer.callbacks.append(recorder)  # type: ignore[attr-defined]  # set by a connector
    with around(run.trainer):
        run.trainer.fit(run.module, run.data, ckpt_path=run.resumed, weights_only=True)
    return run, recorder.steps
