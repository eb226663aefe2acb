"""The checkpoint with the best validation score."""

import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

log = logging.getLogger(__name__)


class BestCheckpoint(ModelCheckpoint):
    """Lightning's callback, but the last of equal scores wins, as in the official GLIP code.

    A resumed run in a new folder still knows the score that it has to beat.
    """

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Whether a validation score is at least as good as the best one."""
        best = self.best_model_score
        as_good = current is not None and best is not None and bool(current == best)
        return as_good or super().check_monitor_top_k(trainer, current)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with the best score of the resumed run, whose file stays where it is.

        If that run's folder was moved, the file is looked for in the folder of this run.
        """
        best = Path(state_dict["best_model_path"])
        state = {**state_dict, "dirpath": self.dirpath}
        if state_dict["best_model_path"] and not best.is_file():
            moved = Path(str(self.dirpath), best.name)
            if not moved.is_file():
                log.warning("%s does not exist any more: the best later score counts", best)
                return
            state |= {
                "best_model_path": str(moved),
                "kth_best_model_path": str(moved),
                "best_k_models": {str(moved): state_dict["best_model_score"]},
            }
        super().load_state_dict(state)
