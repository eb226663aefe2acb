"""Names the checkpoint of a resumed run if its state cannot be restored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch.optim import Optimizer

from glip_pl.errors import UserError, first_line


class _Begun(pl.Callback):
    """Whether the training has begun, so that everything has been restored."""

    begun = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the state of the optimizers, which Lightning restores without looking at it."""
        for optimizer in trainer.optimizers:
            _check_shapes(optimizer)
        self.begun = True


@contextmanager
def restored(trainer: pl.Trainer, checkpoint: Path | None) -> Iterator[None]:
    """Raise UserError if the block fails before the training has begun from the `checkpoint`.

    Nothing changes if that is None.
    """
    callback = _Begun()
    if checkpoint is not None:
        trainer.callbacks.insert(0, callback)  # type: ignore[attr-defined]  # the Trainer gets its list of callbacks at run time
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # Lightning and torch raise many kinds on a damaged state
        if checkpoint is None or callback.begun:
            raise
        raise UserError(
            f"{checkpoint} cannot be resumed ({type(error).__name__}: {first_line(error)}): its "
            "state is damaged, or of another training. Start a new training from its weights: "
            "ckpt=... without resume"
        ) from error


def _check_shapes(optimizer: Optimizer) -> None:
    """Raise ValueError unless all values that are kept for a parameter fit it."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            fits = isinstance(value, torch.Tensor) and value.shape in (parameter.shape, ())
            if not fits:
                raise ValueError(f"{name} of the optimizer does not fit its parameter")
