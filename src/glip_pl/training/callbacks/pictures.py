"""Evaluation pictures: ground truth beside detections."""

from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.inference.drawing import comparison
from glip_pl.training.loggers import log_pictures
from glip_pl.training.module import DETECTIONS, GroundingModule
from glip_pl.types import SHOWN_SCORE, Batch, Detections


class Pictures(pl.Callback):
    """Saves pictures of the first images of every set in each evaluation.

    They are also logged to the trackers that show pictures.
    """

    def __init__(self, folder: str, count: int = 8, threshold: float = SHOWN_SCORE) -> None:
        """Draw boxes that score above `threshold` on `count` images of every set."""
        self.folder = Path(folder)
        self.count = count
        self.threshold = threshold
        self.drawn: dict[tuple[str, str], int] = {}  # images so far, by stage and set

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start again with the first image of each set."""
        self.drawn = {}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start again with the first image of each set."""
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
        """Draw the images of a batch until `count` are drawn."""
        assert isinstance(pl_module, GroundingModule)
        name = list(pl_module.val.sets)[dataloader_idx]
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
        """Draw the images of a batch until `count` are drawn."""
        assert isinstance(pl_module, GroundingModule)
        name = list(pl_module.test.sets)[dataloader_idx]
        self._draw(trainer, "test", name, outputs[DETECTIONS], batch)

    @rank_zero_only
    def _draw(
        self, trainer: pl.Trainer, stage: str, name: str, detections: list[Detections], batch: Batch
    ) -> None:
        done = self.drawn.get((stage, name), 0)
        pictures = []
        for index in range(min(len(batch), self.count - done)):
            picture = comparison(batch, index, detections[index], self.threshold)
            step = f"step_{trainer.global_step:06d}" if stage == "val" else "test"
            path = self.folder / step / f"{name}_{done + index:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
            pictures.append(picture)
        self.drawn[stage, name] = done + len(pictures)
        captions = [prompt.caption for prompt in batch.prompts[: len(pictures)]]
        names = f"{stage}/{name}"
        log_pictures(trainer.loggers, names, pictures, captions, trainer.global_step)
