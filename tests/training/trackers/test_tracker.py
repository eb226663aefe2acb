"""Every shipped tracker can do what is asked of trackers."""

import pytest
from pytorch_lightning.loggers import CSVLogger

from glip_pl.training.trackers.mlflow_tracker import MlflowTracker
from glip_pl.training.trackers.tensorboard_tracker import TensorBoardTracker
from glip_pl.training.trackers.tracker import Tracker
from glip_pl.training.trackers.trackio_tracker import TrackioTracker
from glip_pl.training.trackers.wandb_tracker import WandbTracker


@pytest.mark.parametrize("kind", [MlflowTracker, TensorBoardTracker, TrackioTracker, WandbTracker])
def test_it_is_a_tracker(kind: type[object]) -> None:
    assert issubclass(kind, Tracker)
    assert not issubclass(CSVLogger, Tracker)
