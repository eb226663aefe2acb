"""A recording can be played, also if what made it has failed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glip_pl.errors import UserError
from glip_pl.video import recording as module
from glip_pl.video.frames import Video
from glip_pl.video.recording import Recording
from tests.video.clips import moving, red_box


@pytest.mark.parametrize("codecs", [("libx264", "mpeg4"), ("mpeg4",)])
def test_what_was_recorded_is_read_at_the_same_times(
    codecs: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CODECS", codecs)
    times = [0, 0.1, 0.25, 0.25, 1.0]  # the fourth comes a millisecond after the third
    with Recording(tmp_path / "clip.mp4", 10) as recording:
        for picture, seconds in zip(moving(5), times, strict=True):
            recording.add(picture, seconds)
    with Video(tmp_path / "clip.mp4") as video:
        frames = list(video._decoded())
    assert [frame.seconds for frame in frames] == pytest.approx(times, abs=0.002)
    for frame, picture in zip(frames, moving(5), strict=True):
        np.testing.assert_allclose(red_box(frame.image), red_box(picture), atol=2)


def test_a_failure_leaves_the_frames_so_far(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Recording(tmp_path / "clip.mp4", 10) as recording:
        for number, picture in enumerate(moving(3)):
            recording.add(picture, number / 10)
        raise KeyboardInterrupt
    with Video(tmp_path / "clip.mp4") as video:
        assert len(list(video)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_odd_sides_get_a_line_more(tmp_path: Path) -> None:
    with Recording(tmp_path / "odd.mp4", 10) as recording:
        recording.add(Image.new("RGB", (33, 17), "white"), 0)
    with Video(tmp_path / "odd.mp4") as video:
        (frame,) = video
    assert frame.image.size == (34, 18)


def test_nothing_is_left_without_frames_and_a_bad_place_is_told(tmp_path: Path) -> None:
    with Recording(tmp_path / "none.mp4", 10):
        pass
    assert not list(tmp_path.iterdir())
    recording = Recording(tmp_path / "absent" / "none.mp4", 10)
    with pytest.raises(UserError, match=r"none\.mp4 cannot be written"):
        for picture in moving(80):  # the encoder keeps the first ones
            recording.add(picture, 0)
