"""Frames are read at a rate, upright; damaged files give one clear line."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl import errors
from glip_pl.errors import UserError
from glip_pl.video.frames import Video, is_video
from tests.video.clips import moving, red_box, turned, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds of ten frames each."""
    return write_clip(tmp_path / "clip.mp4", moving(20))


@pytest.mark.parametrize(
    ("rate", "numbers"),
    [
        (None, list(range(20))),
        (5, list(range(0, 20, 2))),
        (2, [0, 5, 10, 15]),
        (3, [0, 3, 7, 10, 13, 17]),
        (50, list(range(20))),
    ],
)
def test_frames_are_chosen_by_time(rate: float | None, numbers: list[int], clip: Path) -> None:
    with Video(clip, rate) as video:
        frames = list(video)
        assert len(video) == pytest.approx(len(numbers), abs=1)
    assert [frame.number for frame in frames] == numbers
    assert [frame.seconds for frame in frames] == pytest.approx([one / 10 for one in numbers])
    left = [red_box(frame.image)[0] for frame in frames]
    np.testing.assert_allclose(left, [4 + 4 * number for number in numbers], atol=2)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_video_that_is_shown_turned_is_turned(degrees: int, tmp_path: Path) -> None:
    clip = turned(write_clip(tmp_path / "clip.mp4", moving(2)), degrees)
    with Video(clip) as video:
        frame = next(iter(video))
    upright = moving(1)[0].rotate(-degrees, expand=True)  # Pillow turns counterclockwise
    assert frame.image.size == upright.size
    np.testing.assert_allclose(red_box(frame.image), red_box(upright), atol=2)


def test_a_damaged_end_is_told(
    tmp_path: Path,
) -> None:
    """Matroska needs no table at its end, so that what is there can be read."""
    whole = write_clip(tmp_path / "whole.mkv", moving(20))
    content = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(content[: len(content) * 3 // 4])
    with Video(cut) as video:
        frames = list(video)
    assert 2 < len(frames) < 20


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "cannot be read as a video"), (b"text " * 100, "cannot be read as a video")],
)
def test_what_is_no_video_is_told(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        Video(path)


def test_a_cut_or_empty_video_is_told(clip: Path, tmp_path: Path) -> None:
    clip.write_bytes(clip.read_bytes()[:-500])  # without the table of its frames
    with pytest.raises(UserError, match="cannot be read as a video"):
        Video(clip)
    content = write_clip(tmp_path / "empty.avi", moving(2)).read_bytes()
    (tmp_path / "empty.avi").write_bytes(content.replace(b"00dc", b"99xx"))
    with (
        pytest.raises(UserError, match="has no frame that can be read"),
        Video(tmp_path / "empty.avi") as video,
    ):
        list(video)


def test_a_frame_may_not_be_huge(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIP_MAX_PIXELS", "6000")
    with pytest.raises(UserError, match="frames of 96 x 64 pixels: too many"):
        Video(clip)


def test_without_pyav_the_extra_is_named(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"a video needs av: pip install 'glip_pl\[video\]'"):
        Video(clip)


def test_videos_are_known_by_their_names() -> None:
    assert is_video("a/b.MP4") and is_video(Path("c.webm"))
    assert not is_video("a.png") and not is_video("mp4")
