"""What a run logs to: a CSV file, and trackers of experiments (training/trackers)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path

from PIL import Image
from pytorch_lightning.loggers import CSVLogger, Logger

from glip_pl.training.trackers.tracker import Tracker


def csv_logger(save_dir: str) -> CSVLogger:
    """Logs to `csv/metrics.csv`, or to `csv_1`, ... if an interrupted run has left one there."""
    names = ("csv" if number == 0 else f"csv_{number}" for number in count())
    version = next(name for name in names if not Path(save_dir, name, "metrics.csv").exists())
    return CSVLogger(save_dir, name="", version=version)


def log_pictures(
    loggers: Iterable[Logger],
    key: str,
    pictures: Sequence[Image.Image],
    captions: Sequence[str],
    step: int,
) -> None:
    """Log RGB pictures with a caption for each to every logger that shows pictures."""
    for logger in loggers:
        if isinstance(logger, Tracker) and pictures:
            logger.log_pictures(key, pictures, captions, step)


def log_figures(
    loggers: Iterable[Logger], key: str, figures: Mapping[str, float], step: int
) -> None:
    """Log figures as a table to every logger that shows tables."""
    for logger in loggers:
        if isinstance(logger, Tracker):
            logger.log_figures(key, figures, step)


def close_loggers(loggers: Iterable[Logger]) -> None:
    """End the runs of trackers, so that the next job of a sweep starts its own."""
    for logger in loggers:
        if isinstance(logger, Tracker):
            logger.close()
