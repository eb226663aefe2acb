"""Logs a run to MLflow: a folder, a database or a server."""

import os
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image
from pytorch_lightning.loggers import MLFlowLogger
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.errors import UserError, first_line, require_extra
from glip_pl.training.trackers.tracked_runs import keep_tracked_run, tracked_run

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""Beginnings of the addresses of databases."""

TRACKER = "mlflow"


class MlflowTracker(MLFlowLogger):
    """Lightning's logger, with names that MLflow allows and runs that can be continued."""

    def __init__(self, continued: str | None = None, **options: Any) -> None:
        """`continued` is the id of a run to continue; `options` are those of Lightning's logger."""
        super().__init__(run_id=continued, **options)
        self.continued = continued is not None

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """Log settings, unless the run is continued: MLflow refuses values that have changed."""
        if not self.continued:
            super().log_hyperparams(params)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log figures under names that MLflow allows."""
        super().log_metrics({allowed_name(name): value for name, value in metrics.items()}, step)

    @rank_zero_only
    def log_pictures(
        self, key: str, pictures: Sequence[Image.Image], captions: Sequence[str], step: int
    ) -> None:
        """Log RGB pictures, and their captions as a file: MLflow's pictures have none."""
        for row, picture in enumerate(pictures):
            name = allowed_name(f"{key}/{row}")
            self.experiment.log_image(self.run_id, picture, key=name, step=step)
        file = f"{allowed_name(key)}/captions_{step}.txt"
        self.experiment.log_text(self.run_id, "\n".join(captions), file)

    @rank_zero_only
    def log_figures(self, key: str, figures: Mapping[str, float], step: int) -> None:
        """Log figures as a file."""
        self.experiment.log_dict(self.run_id, dict(figures), f"{allowed_name(key)}/figures.json")

    def close(self) -> None:
        """Lightning ends the run itself."""


def allowed_name(name: str) -> str:
    """A name in which MLflow accepts every character: others become an underscore."""
    return re.sub(r"[^A-Za-z0-9_/. -]", "_", name)


def mlflow_tracker(
    save_dir: str, folder: str, project: str, name: str, uri: str | None = None
) -> MlflowTracker:
    """A logger to the server or database at `uri`, by default MLFLOW_TRACKING_URI or `folder`.

    Raises UserError if MLflow is missing or refuses the address.
    """
    require_extra("mlflow", "mlflow", "logger=mlflow")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent anywhere else
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # folders need no database
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or Path(folder).absolute().as_uri()
    if uri.startswith(DATABASES) and find_spec("sqlalchemy") is None:
        raise UserError(
            f"logger.mlflow.uri={uri}: a database needs all of MLflow: pip install mlflow"
        )
    from mlflow.exceptions import MlflowException

    continued = tracked_run(Path(save_dir), TRACKER)
    options = {"experiment_name": project, "run_name": name, "tracking_uri": uri}
    try:
        logger = MlflowTracker(continued, **options)
        _start(logger)
    except MlflowException as error:
        raise UserError(f"MLflow cannot log to {uri}: {first_line(error)}") from error
    if logger.run_id is not None:
        keep_tracked_run(Path(save_dir), TRACKER, logger.run_id)
    return logger


@rank_zero_only
def _start(logger: MlflowTracker) -> None:
    """Create the run, or find it, now: a wrong address is told before the training."""
    logger.experiment.get_run(logger.run_id)
