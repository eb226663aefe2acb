"""Validation pictures: what was found beside what is there."""

from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.inference.drawing import comparison
from glip_pl.training.module import DETECTIONS, GroundingModule
from glip_pl.types import SHOWN_SCORE, Batch, Detections


class Pictures(pl.Callback):
    """Saves the first images of every evaluation set after each evaluation, and sends them to
    Weights & Biases if that logs the run.
    """

    def __init__(self, folder: str, count: int = 8, threshold: float = SHOWN_SCORE) -> None:
        """Draw boxes that score above `threshold` on `count` images of every set."""
        self.folder = Path(folder)
        self.count = count
        self.threshold = threshold
        self.drawn: dict[tuple[str, str], int] = {}

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin with the first image again."""
        self.drawn = {}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin with the first image again."""
        self.drawn = {}

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: dict[str, list[Detections]],  # type: ignore[override]  # what our module returns
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw what is still wanted."""
        assert isinstance(pl_module, GroundingModule)
        name = list(pl_module.val)[dataloader_idx]
        if not trainer.sanity_checking:
            self._draw(trainer, "val", name, outputs[DETECTIONS], batch)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: dict[str, list[Detections]],  # type: ignore[override]  # what our module returns
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw what is still wanted."""
        assert isinstance(pl_module, GroundingModule)
        name = list(pl_module.test)[dataloader_idx]
        self._draw(trainer, "test", name, outputs[DETECTIONS], batch)

    @rank_zero_only
    def _draw(
        self, trainer: pl.Trainer, stage: str, name: str, found: list[Detections], batch: Batch
    ) -> None:
        done = self.drawn.get((stage, name), 0)
        pictures = []
        for index in range(min(len(batch), self.count - done)):
            picture = comparison(batch, index, found[index], self.threshold)
            step = f"step_{trainer.global_step:06d}" if stage == "val" else "test"
            path = self.folder / step / f"{name}_{done + index:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
            pictures.append(picture)
        self.drawn[stage, name] = done + len(pictures)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger) and pictures:
                first = batch.prompts[0].caption
                logger.log_image(f"{stage}/{name}", list(pictures), caption=[first] * len(pictures))
