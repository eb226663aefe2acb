"""GLIP in Lightning: loss, optimizer and evaluation steps; the arithmetic is in other folders."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from glip_pl.checkpoints.reading import CONFIG_KEY
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.losses.targets import targets_of
from glip_pl.models.glip import GLIP
from glip_pl.training.evaluation import Evaluation, Evaluator
from glip_pl.training.freezing import set_frozen_modules_to_eval
from glip_pl.training.joint_mean import begin_joint_mean
from glip_pl.training.optimizer import GroupedAdamW
from glip_pl.training.schedule import Plateau, WarmUpSteps
from glip_pl.types import Batch, Detections, Output


class NotFiniteError(UserError):
    """The loss is NaN or infinite: the weights of this moment are of no use."""


DETECTIONS = "detections"
"""Key of the detections in what an evaluation step returns to callbacks."""


class GroundingModule(pl.LightningModule):
    """Trains on batches of any mixture of sources; validates and tests on any number of sets."""

    def __init__(
        self,
        model: GLIP,
        loss: GroundingLoss,
        decoder: Decoder,
        optimizer: GroupedAdamW,
        schedule: WarmUpSteps | Plateau,
        val: Mapping[str, Evaluation],
        test: Mapping[str, Evaluation],
        config: Mapping[str, Any],
    ) -> None:
        """`val` and `test` are in the order of the data module's loaders.

        `config` is written into checkpoints.
        """
        super().__init__()
        self.model = model
        self.loss = loss
        self.decoder = decoder
        self.optimizer = optimizer
        self.schedule = schedule
        self.val = Evaluator(val)
        self.test = Evaluator(test)
        self.config = dict(config)
        self.results: dict[str, dict[str, float]] = {}  # figures of the last test, by set

    def forward(self, batch: Batch) -> Output:
        """Alignment with tokens, box codes and centerness of all anchors."""
        output: Output = self.model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        return output

    def on_fit_start(self) -> None:
        """Switch to training mode: Lightning keeps the modes of pretrained parts, which is eval."""
        self.train()
        self.seed = torch.initial_seed()

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        """Seed dropout by the training step, so that a resumed run draws the same masks."""
        place = (self.seed, self.current_epoch, batch_index, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def train(self, mode: bool = True) -> "GroundingModule":
        """Training mode, except for frozen modules, which stay in evaluation mode."""
        super().train(mode)
        if mode:
            set_frozen_modules_to_eval(self.model)
        return self

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The total loss. Raises UserError if it is not finite."""
        targets = targets_of(batch) if batch.targets is None else batch.targets
        means = begin_joint_mean(targets.sums)  # exchanged during the forward pass
        output = self(batch)
        terms = self.loss(output, replace(batch, targets=targets), means())
        total: Tensor = terms.total
        if not torch.isfinite(total):
            raise NotFiniteError(
                f"the loss is {float(total.detach())} at step {self.global_step} (images "
                f"{batch.image_ids}). Lower optimizer.lr, lengthen schedule.warm_up, or use "
                "trainer.precision=32-true, and continue from the last checkpoint with resume=last"
            )
        values = {"loss": total, **terms._asdict()}
        self.log_dict(
            {f"train/{name}": value.detach() for name, value in values.items()},
            prog_bar=True,
            batch_size=len(batch),
            sync_dist=True,  # the mean over ranks is the loss of the joint batch
        )
        return total

    def on_validation_epoch_start(self) -> None:
        """Encode the prompts anew: the weights have changed."""
        self.val.start()

    def on_test_epoch_start(self) -> None:
        """Encode the prompts anew: the weights have changed."""
        self.test.start()

    def validation_step(
        self, batch: Batch, batch_index: int, dataloader_idx: int = 0
    ) -> dict[str, list[Detections]]:
        """The detections in a batch, added to the metric of its set."""
        return {DETECTIONS: self.val.step(self.model, self.decoder, batch, dataloader_idx)}

    def test_step(
        self, batch: Batch, batch_index: int, dataloader_idx: int = 0
    ) -> dict[str, list[Detections]]:
        """The detections in a batch, added to the metric of its set."""
        return {DETECTIONS: self.test.step(self.model, self.decoder, batch, dataloader_idx)}

    def on_validation_epoch_end(self) -> None:
        """Log the figures of every validation set, and the mean of the main ones as val/AP."""
        self._log_figures("val", self.val)
        self.val.reset()

    def on_test_epoch_end(self) -> None:
        """Log the figures of every test set; its detections are kept for reports."""
        self.results = self._log_figures("test", self.test)

    def _log_figures(self, stage: str, evaluator: Evaluator) -> dict[str, dict[str, float]]:
        """Log and return the figures of every set; those of single categories are not logged."""
        figures = evaluator.figures()
        for name, values in figures.items():
            # All ranks hold the same joint figures: the mean over ranks does not change them.
            overall = {key: value for key, value in values.items() if "/" not in key}
            self.log_dict(
                {f"{stage}/{name}/{key}": value for key, value in overall.items()}, sync_dist=True
            )
        mean = evaluator.mean(figures)
        if mean is not None:
            self.log(f"{stage}/AP", mean, prog_bar=True, sync_dist=True)
        return figures

    def configure_optimizers(self) -> Any:
        """AdamW by parameter groups, with a schedule that is stepped every batch."""
        optimizer: Optimizer = self.optimizer(self.model)
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = self.schedule(optimizer, total)
        when: dict[str, Any] = {"interval": "step"}
        if isinstance(scheduler, ReduceLROnPlateau):
            every = self.trainer.check_val_every_n_epoch or 1
            when = {"interval": "epoch", "frequency": every, "monitor": "val/AP"}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, **when}}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip gradients by their total norm; only a sharded model can compute its own norm."""
        clip: Callable[[float], Tensor] | None = getattr(
            self.trainer.strategy.model, "clip_grad_norm_", None
        )
        if clip is not None and gradient_clip_val:
            clip(gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the settings from which the model is rebuilt."""
        checkpoint[CONFIG_KEY] = self.config
