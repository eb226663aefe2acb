"""Logs a run to Trackio, which keeps runs in a local database and needs no account."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from lightning_fabric.loggers.logger import rank_zero_experiment
from PIL import Image
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.errors import require_extra
from glip_pl.training.trackers.tracked_runs import keep_tracked_run, tracked_run

TRACKER = "trackio"


class TrackioTracker(Logger):
    """Lightning's side of Trackio; the run starts when the first figure is logged."""

    def __init__(self, project: str, run: str, continued: bool, **options: Any) -> None:
        """`options` are arguments of `trackio.init`, such as the id of a space on the hub."""
        super().__init__()
        self._project = project
        self._run = run
        self._continued = continued
        self._options = options
        self._settings: dict[str, Any] = {}
        self._experiment: Any = None

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """Trackio's run."""
        if self._experiment is None:
            import trackio

            self._experiment = trackio.init(
                self._project,
                name=self._run,
                config=self._settings,
                resume="allow" if self._continued else "never",
                embed=False,
                **self._options,
            )
            self._continued = True
        return self._experiment

    @property
    def name(self) -> str:
        """The project."""
        return self._project

    @property
    def version(self) -> str:
        """The name of the run."""
        return self._run

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Keep the settings, which the run shows when it starts."""
        self._settings |= vars(params) if isinstance(params, Namespace) else params

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log figures at a step."""
        self.experiment.log(dict(metrics), step=step)

    @rank_zero_only
    def log_pictures(
        self, key: str, pictures: Sequence[Image.Image], captions: Sequence[str], step: int
    ) -> None:
        """Log RGB pictures with a caption for each."""
        import trackio

        rows = enumerate(zip(pictures, captions, strict=True))
        self.experiment.log(
            {f"{key}/{row}": trackio.Image(one, caption=caption) for row, (one, caption) in rows},
            step=step,
        )

    @rank_zero_only
    def log_figures(self, key: str, figures: Mapping[str, float], step: int) -> None:
        """Log figures as a table."""
        import trackio

        rows = [[name, value] for name, value in figures.items()]
        table = trackio.Table(columns=["figure", "value"], data=rows)
        self.experiment.log({f"{key}/figures": table}, step=step)

    @rank_zero_only
    def close(self) -> None:
        """Write everything that was logged; logging again continues the run."""
        if self._experiment is not None:
            import trackio

            trackio.finish()
            self._experiment = None


def trackio_tracker(save_dir: str, project: str, name: str, **options: Any) -> TrackioTracker:
    """A logger to Trackio's folder, or with `space_id` to a space on the hub.

    TRACKIO_DIR is the folder, by default Trackio's own in the home folder. Raises UserError if
    Trackio is missing.
    """
    require_extra("trackio", "trackio", "logger=trackio")
    known = tracked_run(Path(save_dir), TRACKER)
    run = known or f"{name}-{Path(save_dir).name}-{uuid4().hex[:4]}"
    keep_tracked_run(Path(save_dir), TRACKER, run)
    return TrackioTracker(project, run, known is not None, **options)
