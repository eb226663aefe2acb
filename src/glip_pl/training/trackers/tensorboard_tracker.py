"""Logs a run to TensorBoard's files."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.errors import require_extra


class TensorBoardTracker(TensorBoardLogger):
    """Lightning's logger with pictures and a table of figures."""

    @rank_zero_only
    def log_pictures(
        self, key: str, pictures: Sequence[Image.Image], captions: Sequence[str], step: int
    ) -> None:
        """Log RGB pictures, and their captions as a list: TensorBoard's pictures have none."""
        for row, picture in enumerate(pictures):
            pixels = np.asarray(picture)
            self.experiment.add_image(f"{key}/{row}", pixels, step, dataformats="HWC")
        listed = [f"{row}. {caption}" for row, caption in enumerate(captions)]
        self.experiment.add_text(key, "\n".join(listed), step)

    @rank_zero_only
    def log_figures(self, key: str, figures: Mapping[str, float], step: int) -> None:
        """Log figures as a table in Markdown."""
        rows = [f"| {name} | {value:.4f} |" for name, value in figures.items()]
        table = "\n".join(["| figure | value |", "| --- | --- |", *rows])
        self.experiment.add_text(f"{key}/figures", table, step)

    @rank_zero_only
    def close(self) -> None:
        """Write everything that was logged."""
        self.experiment.close()


def tensorboard_tracker(save_dir: str) -> TensorBoardTracker:
    """A logger to the folder `tensorboard` in the run's own; a continued run adds a file to it.

    Raises UserError if TensorBoard is missing.
    """
    require_extra("tensorboard", "tensorboard", "logger=tensorboard")
    return TensorBoardTracker(save_dir, name="", version="tensorboard", default_hp_metric=False)
