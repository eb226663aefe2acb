"""Experiment trackers: CSV files, and Weights & Biases."""

from itertools import count
from pathlib import Path
from typing import Any

import wandb
from pytorch_lightning.loggers import CSVLogger, WandbLogger


def csv_logger(save_dir: str) -> CSVLogger:
    """Logs to `csv/metrics.csv`, or to `csv_1`, ... if an interrupted run has left one there."""
    names = ("csv" if number == 0 else f"csv_{number}" for number in count())
    version = next(name for name in names if not Path(save_dir, name, "metrics.csv").exists())
    return CSVLogger(save_dir, name="", version=version)


def wandb_logger(save_dir: str, offline: bool | None, **options: Any) -> WandbLogger:
    """Logs to Weights & Biases; by default offline if nobody is logged in on this machine."""
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    if offline is None:
        offline = not wandb.login(prompt=False)
    # Lightning switches to offline by an environment variable, which wandb has already read.
    mode = "offline" if offline else "online"
    return WandbLogger(save_dir=save_dir, offline=offline, mode=mode, **options)
