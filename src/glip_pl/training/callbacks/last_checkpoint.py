"""The checkpoint to resume from, whatever ends the run."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class LastCheckpoint(pl.Callback):
    """Keeps `last.ckpt` fresh: every so many steps, before evaluation, at the end, on Ctrl-C.

    Lightning's ModelCheckpoint(save_on_exception) would overwrite the *best* file, and its
    `save_last` follows the best file's rhythm. Stands before the moving average in the settings,
    so that both sets of weights are in their places when it saves.
    """

    def __init__(self, folder: str, every_steps: int = 500) -> None:
        self.path = Path(folder, "last.ckpt")
        self.every_steps = every_steps
        self.before_validation = False

    def _save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save, unless the weights are no numbers any more: the older file is worth more."""
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
        """Save now and then."""
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
        """Say that a validation is due: a resumed run would go on without it."""
        if self.before_validation:
            loops = checkpoint["loops"]["fit_loop"]
            total = loops["epoch_loop.val_loop.batch_progress"]["total"]
            # What Lightning takes for an evaluation that was interrupted.
            total["ready"] += 1
            total["started"] += 1

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let a schedule see what a resumed run's first validation found."""
        if trainer.state.fn == "fit" and trainer.fit_loop.restarting:
            trainer.fit_loop.restarting = False

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the final state."""
        self._save(trainer, pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Save what a Ctrl-C or a crash in training would lose.

        Not in evaluation, where the average stands in for the weights (the file is fresh then),
        and not with several processes, which would wait for one another for ever.
        """
        if trainer.training and trainer.world_size == 1 and trainer.global_step > 0:
            self._save(trainer, pl_module)
