"""The checkpoint from which an interrupted run is resumed."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class LastCheckpoint(pl.Callback):
    """Saves `last.ckpt` every few steps, before evaluation, at the end, and on Ctrl-C or a crash.

    Lightning's ModelCheckpoint(save_on_exception) would overwrite the *best* checkpoint, and its
    `save_last` saves only when the best one is saved. The settings list this callback before the
    moving average, so that the current weights and the average are in their places when it saves.
    """

    def __init__(self, folder: str, every_steps: int = 500) -> None:
        self.path = Path(folder, "last.ckpt")
        self.every_steps = every_steps
        self.before_validation = False

    def _save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save, unless a weight is NaN or infinite: the older checkpoint is worth more then."""
        if all(bool(parameter.isfinite().all()) for parameter in module.parameters()):
            trainer.save_checkpoint(self.path)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save every `every_steps` optimizer steps."""
        if trainer.global_step % self.every_steps == 0:
            self._save(trainer, pl_module)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save before an evaluation, which may take long."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.before_validation = True
            self._save(trainer, pl_module)
            self.before_validation = False

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Note that a validation is due, since a resumed run would skip it otherwise."""
        if self.before_validation:
            loops = checkpoint["loops"]["fit_loop"]
            total = loops["epoch_loop.val_loop.batch_progress"]["total"]
            # By these counters Lightning recognises an evaluation that was interrupted.
            total["ready"] += 1
            total["started"] += 1

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
        """Save what a Ctrl-C or a crash during training would lose.

        Not during evaluation, when the average stands in for the weights and the file is fresh; and
        not with several processes, which would wait for one another forever.
        """
        if trainer.training and trainer.world_size == 1 and trainer.global_step > 0:
            self._save(trainer, pl_module)
