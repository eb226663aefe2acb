"""TensorBoard's files hold curves, pictures with captions and tables."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from glip_pl import errors
from glip_pl.errors import UserError
from glip_pl.training.trackers.tensorboard_tracker import tensorboard_tracker
from tests.conftest import Compose
from tests.training.trackers.logged_training import logged_training


def test_a_training_is_recorded(
    world: Path, tiny: list[str], settings: Compose, tmp_path: Path
) -> None:
    output = logged_training(world, tiny, settings, "tensorboard")
    events = EventAccumulator(str(output / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"train/loss", "val/AP", "test/seen/AP50"} <= set(tags["scalars"])
    (point,) = events.Scalars("val/AP")
    assert point.step > 0
    assert {"val/seen/0", "val/seen/1", "test/seen/0", "misses/seen/0"} <= set(tags["images"])
    (picture,) = events.Images("val/seen/0")
    assert picture.step == point.step + 1  # after the last step of the epoch, which is `step`
    assert picture.encoded_image_string.startswith(b"\x89PNG") and picture.width > 2 * 96
    (captions,) = events.Tensors("val/seen/text_summary")
    assert b"0. " in captions.tensor_proto.string_val[0]
    (table,) = events.Tensors("test/seen/figures/text_summary")
    assert b"| AP50 | 0." in table.tensor_proto.string_val[0]


def test_a_missing_tensorboard_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"logger=tensorboard needs .*glip_pl\[tensorboard\]"):
        tensorboard_tracker(str(tmp_path))
