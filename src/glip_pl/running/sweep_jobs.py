"""Jobs of a sweep that train in several processes, which Hydra's callbacks surround."""

import os
import sys
from typing import Any

import torch.distributed
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, read_write

PLACE = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Environment variables by which Lightning tells the processes of a training where they belong."""


class SweepJobs(Callback):
    """Lets the processes that Lightning starts for a job of a sweep run that job, in its folder.

    Lightning repeats the command line. With that of the sweep each of these processes would run a
    sweep of its own, in another folder and, with a sweeper that draws values, with other settings.
    """

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Make the command line that of the job."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        self.argv = sys.argv
        self.place = {name: os.environ.get(name) for name in PLACE}
        sys.argv = [self.argv[0], *config.hydra.overrides.task, "hydra.mode=RUN"]
        settings = HydraConfig.instance().cfg
        assert settings is not None
        with read_write(settings.hydra):
            settings.hydra.run.dir = config.hydra.runtime.output_dir

    def on_job_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Leave nothing that would tell the next job that its processes have been started."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        sys.argv = self.argv
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name, value in self.place.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
