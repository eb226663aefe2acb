"""Logs a run to Weights & Biases."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.training.trackers.tracked_runs import keep_tracked_run, tracked_run

TRACKER = "wandb"


class WandbTracker(WandbLogger):
    """Lightning's logger with pictures and a table of figures."""

    @rank_zero_only
    def log_pictures(
        self, key: str, pictures: Sequence[Image.Image], captions: Sequence[str], step: int
    ) -> None:
        """Log RGB pictures with a caption for each."""
        self.log_image(key, list(pictures), step=step, caption=list(captions))

    @rank_zero_only
    def log_figures(self, key: str, figures: Mapping[str, float], step: int) -> None:
        """Log figures as a table."""
        rows = [[name, value] for name, value in figures.items()]
        self.log_table(key, ["figure", "value"], rows, step=step)

    @rank_zero_only
    def close(self) -> None:
        """End the run and wait until it is uploaded."""
        self.experiment.finish()


def wandb_tracker(save_dir: str, offline: bool | None, **options: Any) -> WandbTracker:
    """A logger to Weights & Biases; by default offline if nobody is logged in on this machine.

    Only the first process of a run looks whether somebody is, and logs.
    """
    folder = Path(save_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if offline is None:
        offline = not _logged_in()
    # Lightning switches to offline by an environment variable, which wandb has already read.
    mode = "offline" if offline else "online"
    run = tracked_run(folder, TRACKER) or uuid4().hex[:8]
    keep_tracked_run(folder, TRACKER, run)
    return WandbTracker(save_dir=save_dir, offline=offline, mode=mode, id=run, **options)


@rank_zero_only
def _logged_in() -> bool:
    """Whether somebody is logged in, which wandb asks its server; None in other processes."""
    import wandb

    return bool(wandb.login(prompt=False))
