"""Evaluation pictures: ground truth beside detections, and the evidence by word."""

from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.inference.drawing import comparison
from glip_pl.inference.evidence_sheet import with_evidence
from glip_pl.inference.prompt_output import PromptOutput
from glip_pl.training.evaluation import Evaluator
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

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Have the evidence kept for the images that will be drawn."""
        assert isinstance(pl_module, GroundingModule)
        wanted = 0 if trainer.sanity_checking else self.count
        self._watch("val", pl_module.val, dataloader_idx, wanted)

    def on_test_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Have the evidence kept for the images that will be drawn."""
        assert isinstance(pl_module, GroundingModule)
        self._watch("test", pl_module.test, dataloader_idx, self.count)

    @rank_zero_only
    def _watch(self, stage: str, evaluator: Evaluator, loader: int, wanted: int) -> None:
        name = list(evaluator.sets)[loader]
        evaluator.watched = max(0, wanted - self.drawn.get((stage, name), 0))

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
        if not trainer.sanity_checking:
            name = list(pl_module.val.sets)[dataloader_idx]
            self._draw(trainer, ("val", name), outputs[DETECTIONS], batch, pl_module.val.outputs)

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
        self._draw(trainer, ("test", name), outputs[DETECTIONS], batch, pl_module.test.outputs)

    @rank_zero_only
    def _draw(
        self,
        trainer: pl.Trainer,
        key: tuple[str, str],  # stage and set
        detections: list[Detections],
        batch: Batch,
        outputs: Sequence[PromptOutput],
    ) -> None:
        stage, name = key
        done = self.drawn.get(key, 0)
        pictures = []
        for index in range(min(len(batch), self.count - done)):
            found, threshold = detections[index], self.threshold
            found = found.rows(found.phrase_ids < len(batch.prompts[index].phrases))  # no foils
            picture = comparison(batch, index, found, threshold)
            if index < len(outputs):
                picture = with_evidence(picture, batch, index, found, threshold, outputs[index])
            step = f"step_{trainer.global_step:06d}" if stage == "val" else "test"
            path = self.folder / step / f"{name}_{done + index:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
            pictures.append(picture)
        self.drawn[key] = done + len(pictures)
        captions = [prompt.caption for prompt in batch.prompts[: len(pictures)]]
        log_pictures(trainer.loggers, "/".join(key), pictures, captions, trainer.global_step)
