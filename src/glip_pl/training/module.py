"""GLIP in Lightning: loss, optimizer and evaluation steps; the arithmetic is in other folders."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from glip_pl.checkpoints.reading import CONFIG_KEY
from glip_pl.inference.decoding import Decoder
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.losses.targets import targets_of
from glip_pl.models.glip import GLIP
from glip_pl.training.evaluation import Evaluation, Evaluator
from glip_pl.training.freezing import set_frozen_modules_to_eval
from glip_pl.training.joint_mean import begin_joint_mean
from glip_pl.training.loss_record import LossRecord
from glip_pl.training.optimizer import GroupedAdamW
from glip_pl.training.schedule import Plateau, WarmUpSteps
from glip_pl.training.sharding import shard, whole
from glip_pl.types import Batch, Detections, LossTerms, Output

DETECTIONS = "detections"
"""Key of the detections in what an evaluation step returns to callbacks."""


UNCHECKED = 100
"""Steps of a GPU after which it is asked at the latest whether all losses were finite."""


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
        self.record = LossRecord()
        self.means: Callable[[], Tensor] | None = None  # normalisers of the present step
        self.results: dict[str, dict[str, float]] = {}  # figures of the last test, by set

    def forward(self, batch: Batch) -> Output:
        """Alignment with tokens, box codes and centerness of all anchors."""
        output: Output = self.model(
            batch.images, batch.sizes, batch.tokens, batch.attention_mask, batch.examples
        )
        return output

    def configure_model(self) -> None:
        """Shard the model if the strategy is one that does (trainer=fsdp)."""
        if self.device_mesh is not None:
            low = torch.bfloat16 if self.trainer.precision == "bf16-mixed" else None
            shard(self.model, self.device_mesh["data_parallel"], low)

    def on_fit_start(self) -> None:
        """Switch to training mode: Lightning keeps the modes of pretrained parts, which is eval."""
        self.train()
        self.seed = torch.initial_seed()
        self.means = None

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
        """The total loss; where it is not finite, neither are its gradients."""
        targets = batch.targets or targets_of(batch, self.model.padding)
        if batch_index % self.trainer.accumulate_grad_batches == 0 or self.means is None:
            self.means = begin_joint_mean(targets.sums)  # exchanged during the forward pass
        output = self(batch)
        terms = self.loss(output, replace(batch, targets=targets), self.means())
        self.record.add_batch(self.global_step, batch.image_ids, terms)
        total: Tensor = terms.total
        return total * (1 + 0 * total.detach())

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
        """Clip gradients, and let the optimizer leave out a step whose gradients are not finite.

        The CPU waits for a GPU's answer only where losses are logged. Raises NotFiniteError.
        """
        norm = self._clip(optimizer, gradient_clip_val, gradient_clip_algorithm)
        # Fused optimizers read it on their device: the weights stay as they are where it is 1.
        optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]  # torch's own name
        self.record.norms.append((self.global_step, norm))
        trainer = self.trainer
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # its connector sets it
        is_logged = (self.global_step + 1) % every == 0 or trainer.is_last_batch
        if is_logged:
            terms = self.record.joint_terms(self.global_step, trainer.accumulate_grad_batches)
        if is_logged or norm.device.type == "cpu" or len(self.record.norms) == UNCHECKED:
            self.record.check()
        if is_logged:
            self._log_losses(terms)

    def _clip(self, optimizer: Optimizer, limit: float | None, algorithm: str | None) -> Tensor:
        """Clip gradients; returns the total norm that they had, that of all processes' mean."""
        parameters = [one for group in optimizer.param_groups for one in group["params"]]
        norm = whole(get_total_norm([one.grad for one in parameters if one.grad is not None]))
        if limit and algorithm == "value":
            clip_grad_value_(parameters, limit)
        elif limit:
            clip_grads_with_norm_(parameters, limit, norm)
        return norm

    def _log_losses(self, terms: Tensor) -> None:
        """Log the terms (3,) of the joint loss and their sum."""
        values = LossTerms(*terms.unbind())
        self.log_dict(
            {
                f"train/{name}": one
                for name, one in {"loss": values.total, **values._asdict()}.items()
            },
            prog_bar=True,
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the settings from which the model is rebuilt. Raises NotFiniteError."""
        self.record.check()
        checkpoint[CONFIG_KEY] = self.config
