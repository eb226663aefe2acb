"""Experiment trackers."""

from itertools import count
from pathlib import Path
from typing import Any

import wandb
from pytorch_lightning.loggers import CSVLogger, WandbLogger


def csv_logger(save_dir: str) -> CSVLogger:
    """A table `csv/metrics.csv`; `csv_1`, ... where an interrupted run left one, which stays."""
    names = ("csv" if number == 0 else f"csv_{number}" for number in count())
    version = next(name for name in names if not Path(save_dir, name, "metrics.csv").exists())
    return CSVLogger(save_dir, name="", version=version)


def wandb_logger(save_dir: str, offline: bool | None, **options: Any) -> WandbLogger:
    """Weights & Biases; offline if asked, or if nobody is logged in on this machine."""
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    if offline is None:
        offline = not wandb.login(prompt=False)
    # Lightning's own switch is an environment variable, which wandb reads once, before this.
    mode = "offline" if offline else "online"
    return WandbLogger(save_dir=save_dir, offline=offline, mode=mode, **options)
