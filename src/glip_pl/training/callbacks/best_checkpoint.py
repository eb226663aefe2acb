"""The checkpoint with the best validation."""

import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

log = logging.getLogger(__name__)


class BestCheckpoint(ModelCheckpoint):
    """Lightning's, but of equal ones the last, as officially.

    A resumed run, which has a folder of its own, still knows what to beat.
    """

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Whether a validation is at least as good as the best."""
        best = self.best_model_score
        as_good = current is not None and best is not None and bool(current == best)
        return as_good or super().check_monitor_top_k(trainer, current)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the score over; the older run's file stays where it is until a better one.

        If that run was moved its file is looked for in this one's folder.
        """
        best = Path(state_dict["best_model_path"])
        known = {**state_dict, "dirpath": self.dirpath}
        if state_dict["best_model_path"] and not best.is_file():
            here = Path(str(self.dirpath), best.name)
            if not here.is_file():
                log.warning("%s is gone: the best of what follows counts", best)
                return
            known |= {
                "best_model_path": str(here),
                "kth_best_model_path": str(here),
                "best_k_models": {str(here): state_dict["best_model_score"]},
            }
        super().load_state_dict(known)
