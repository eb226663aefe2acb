"""The checkpoint from which an interrupted run is resumed."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch.optim import Optimizer

from glip_pl.training.checkpoint_io import LAST
from glip_pl.training.interruption import WORKER_ENDED
from glip_pl.training.loss_record import NotFiniteError

PROGRESS = "epoch_loop.batch_progress"
"""Key of the counters of an epoch's batches in Lightning's checkpoints."""


class LastCheckpoint(pl.Callback):
    """Saves `last.ckpt` at the start, every few steps, before evaluation, at the end, after errors.

    Lightning's ModelCheckpoint(save_on_exception) would overwrite the *best* checkpoint, and its
    `save_last` saves only when the best one is saved. The settings list this callback after the
    moving average, so that a step is in the average when it is saved.
    """

    def __init__(self, folder: str, every_steps: int = 500) -> None:
        self.path = Path(folder, LAST)
        self.every_steps = every_steps
        self.saved_step = 0
        self.validation_is_due = False
        self.within_batch = False
        self.updating = False  # whether the optimizer may have changed some of the weights only

    def _save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save, unless a weight is NaN or infinite: the older checkpoint is worth more then."""
        if all(bool(parameter.isfinite().all()) for parameter in module.parameters()):
            trainer.save_checkpoint(self.path)
            self.saved_step = trainer.global_step

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save a new run at once, so that `resume=last` does not find an older run instead."""
        self.saved_step = trainer.global_step
        if trainer.global_step == 0:
            self._save(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note that a batch has begun."""
        self.within_batch = True

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Note that the weights are about to change."""
        self.updating = True

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save every `every_steps` optimizer steps.

        Not before a validation, which is saved with a note that it is due.
        """
        self.within_batch = self.updating = False
        step = trainer.global_step
        is_due = step % self.every_steps == 0
        is_new = step != self.saved_step  # the batches of an accumulation share a step
        if is_due and is_new and not validation_follows(trainer, batch_idx):
            self._save(trainer, pl_module)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save before an evaluation, which may take long."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.validation_is_due = True
            self._save(trainer, pl_module)
            self.validation_is_due = False

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Correct Lightning's counters where a resumed run would skip something.

        That is a validation that is due, and the batch in which an error happened.
        """
        loops = checkpoint["loops"]["fit_loop"]
        if self.validation_is_due:
            total = loops["epoch_loop.val_loop.batch_progress"]["total"]
            # By these counters Lightning recognises an evaluation that was interrupted.
            total["ready"] += 1
            total["started"] += 1
        if self.within_batch:
            loops[PROGRESS]["is_last_batch"] = False  # it may be, but it is to be repeated
            for counters in (loops[PROGRESS]["total"], loops[PROGRESS]["current"]):
                done = counters["completed"]
                # As they are when a checkpoint is saved at the end of a batch.
                counters |= {"ready": done, "started": done, "processed": done}
                counters["completed"] = done - 1

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the learning-rate schedule use the first validation score of a resumed run."""
        if trainer.state.fn == "fit" and trainer.fit_loop.restarting:
            trainer.fit_loop.restarting = False

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the final state."""
        self._save(trainer, pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Save what an error during training, or a stop after a batch, would lose.

        Nothing is saved where the state is of no use: during evaluation, when the average stands in
        for the weights and the file is fresh; while the optimizer changes the weights; after a loss
        that is not finite; after a second Ctrl-C; when a process that loads data ends.
        Nor by one of several processes, which would wait for the others forever, unless all have
        agreed to stop after this batch.
        """
        useless = (
            self.updating
            or isinstance(exception, KeyboardInterrupt | NotFiniteError)
            or str(exception).startswith(WORKER_ENDED)  # it comes at any moment
        )
        batches = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        can_repeat = batches > 0 or not self.within_batch
        together = trainer.world_size == 1 or isinstance(exception, SIGTERMException)
        if trainer.training and together and not useless and can_repeat:
            self._save(trainer, pl_module)


def validation_follows(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether training is validated after this batch."""
    every = trainer.check_val_every_n_epoch or 1
    if not trainer.enable_validation or (trainer.current_epoch + 1) % every:
        return False
    interval = trainer.val_check_batch  # batches between two validations
    return trainer.is_last_batch or bool(interval and (batch_idx + 1) % interval == 0)
