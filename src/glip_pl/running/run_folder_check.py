"""Checks the folder of a run before Hydra makes it."""

import sys
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from glip_pl.errors import UserError
from glip_pl.running.cli import EXIT_USER_ERROR
from glip_pl.running.outputs import check_folder


class RunFolderCheck(Callback):
    """Ends a command whose folder cannot be made, before Hydra tries it."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the folder of the run."""
        settings = HydraConfig.instance()
        before = settings.cfg
        settings.set_config(config)  # the folder has the name of the experiment, which is Hydra's
        try:
            _check_or_exit(config.hydra.run.dir, "hydra.run.dir")
        finally:
            settings.cfg = before

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the folder of the sweep."""
        _check_or_exit(config.hydra.sweep.dir, "hydra.sweep.dir")


def _check_or_exit(folder: str, setting: str) -> None:
    try:
        check_folder(Path(folder), setting)
    except UserError as error:  # Hydra would log it and go on
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
