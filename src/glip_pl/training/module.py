"""GLIP in Lightning: loss, optimizer, evaluation; all arithmetic lives below."""

from collections.abc import Callable, Mapping
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
from glip_pl.inference.large_vocabulary import Question, detect_categories, read_questions
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.models.glip import GLIP
from glip_pl.training.evaluation import Evaluation
from glip_pl.training.freezing import rest_frozen_modules
from glip_pl.training.optimizer import GroupedAdamW, Plateau, WarmUpSteps
from glip_pl.types import Batch, Detections, Output

DETECTIONS = "detections"
"""Key of what an evaluation step returns, for callbacks."""


class GroundingModule(pl.LightningModule):
    """Trains on batches of any mixture; validates and tests on any number of named sets."""

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
        """Evaluations are in the order of the data module's loaders.

        `config` goes into checkpoints.
        """
        super().__init__()
        self.model = model
        self.loss = loss
        self.decoder = decoder
        self.optimizer = optimizer
        self.schedule = schedule
        self.val = dict(val)
        self.test = dict(test)
        self.questions: dict[str, list[Question]] = {}  # read once per evaluation
        self.config = dict(config)
        self.results: dict[str, dict[str, Any]] = {}

    def forward(self, batch: Batch) -> Output:
        """Scores and boxes of all anchors."""
        output: Output = self.model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        return output

    def on_fit_start(self) -> None:
        """Lightning keeps the modes it finds, and pretrained parts come in evaluation mode."""
        self.train()
        self.seed = torch.initial_seed()

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        """Dropout draws by its place in training, as samples do: a resumed run goes on the same."""
        place = (self.seed, self.current_epoch, batch_index, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def train(self, mode: bool = True) -> "GroundingModule":
        """Training mode, but frozen parts rest."""
        super().train(mode)
        if mode:
            rest_frozen_modules(self.model)
        return self

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The total loss. Raises UserError if it is not finite."""
        terms = self.loss(self(batch), batch, self._mean_over_ranks)
        total: Tensor = terms.total
        if not torch.isfinite(total):
            raise UserError(
                f"the loss is {float(total.detach())} at step {self.global_step} (images "
                f"{batch.image_ids}). Lower optimizer.lr, lengthen schedule.warm_up, or use "
                "trainer.precision=32-true; resume=last resumes from the last checkpoint"
            )
        values = {"loss": total, **terms._asdict()}
        self.log_dict(
            {f"train/{name}": value.detach() for name, value in values.items()},
            prog_bar=True,
            batch_size=len(batch),
            sync_dist=True,  # the mean over ranks is the joint batch's loss
        )
        return total

    def _mean_over_ranks(self, value: Tensor) -> Tensor:
        reduced = self.trainer.strategy.reduce(value.clone(), reduce_op="mean")
        return reduced if isinstance(reduced, Tensor) else value

    def _detect(self, name: str, one: Evaluation, batch: Batch) -> list[Detections]:
        if not one.vocabulary:
            return self.decoder(self(batch), batch)
        if name not in self.questions:
            self.questions[name] = self._read(one)
        return detect_categories(
            self.model, self.decoder, self.questions[name], batch, one.memory_gb
        )

    def _read(self, one: Evaluation) -> list[Question]:
        if one.learned is not None:
            return [one.learned.question(self.model)]
        # What the model has learned to add belongs to the task's names: zero-shot ability is what
        # is left without it.
        return read_questions(
            self.model, one.tokenizer, one.vocabulary, self.device, learned=not one.apart
        )

    def _evaluation_step(
        self, evaluations: Mapping[str, Evaluation], batch: Batch, loader_index: int
    ) -> dict[str, list[Detections]]:
        name, one = list(evaluations.items())[loader_index]
        found = self._detect(name, one, batch)
        one.metric.update(found, batch.image_ids)
        return {DETECTIONS: found}

    def on_validation_epoch_start(self) -> None:
        """Prompts are read anew: the weights are others."""
        self.questions = {}

    def on_test_epoch_start(self) -> None:
        """Prompts are read anew: the weights are others."""
        self.questions = {}

    def validation_step(
        self, batch: Batch, batch_index: int, dataloader_idx: int = 0
    ) -> dict[str, list[Detections]]:
        """Boxes of a batch, counted into the loader's metric."""
        return self._evaluation_step(self.val, batch, dataloader_idx)

    def test_step(
        self, batch: Batch, batch_index: int, dataloader_idx: int = 0
    ) -> dict[str, list[Detections]]:
        """Boxes of a batch, counted into the loader's metric."""
        return self._evaluation_step(self.test, batch, dataloader_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the numbers of every validation set, and the mean of the main ones as val/AP."""
        self._log_figures("val", self.val)

    def on_test_epoch_end(self) -> None:
        """Log the numbers of every test set."""
        self._log_figures("test", self.test)

    def _log_figures(self, stage: str, evaluations: Mapping[str, Evaluation]) -> None:
        means = []
        for name, one in evaluations.items():
            values = one.metric.compute()
            if stage == "val":
                one.metric.reset()  # after a test the detections are still wanted
            self.results[name] = values
            # Every rank holds the joint value already; the mean over ranks changes nothing.
            overall = {key: value for key, value in values.items() if "/" not in key}
            self.log_dict(
                {f"{stage}/{name}/{key}": value for key, value in overall.items()},
                sync_dist=True,
            )
            if not one.apart:
                means.append(values[one.metric.headline])
        if means:
            # A set with nothing to find says nothing.
            self.log(
                f"{stage}/AP", float(torch.tensor(means).nanmean()), prog_bar=True, sync_dist=True
            )

    def configure_optimizers(self) -> Any:
        """AdamW by groups, stepped every batch."""
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
        """Clip to a total norm; a sharded model knows how to measure its own."""
        clip: Callable[[float], Tensor] | None = getattr(
            self.trainer.strategy.model, "clip_grad_norm_", None
        )
        if clip is not None and gradient_clip_val:
            clip(gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the model."""
        checkpoint[CONFIG_KEY] = self.config
