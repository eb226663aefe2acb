"""A video goes in; an annotated one and a line for each frame come out."""

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from glip_pl import predict
from glip_pl.inference.predictor import Predictor
from glip_pl.running.settings import compose_settings
from glip_pl.video.annotating import VideoOptions, annotate_video
from glip_pl.video.frames import Video
from glip_pl.video.recording import Recording
from tests.conftest import Failing
from tests.video.clips import moving, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", moving(10))


def config(clip: Path, checkpoint: Path, *more: str) -> DictConfig:
    """The settings of `predict` for a clip."""
    words = [f"image={clip}", "text='red circle. square'", f"ckpt={checkpoint}", "threshold=0.01"]
    return compose_settings([*words, f"output={clip.parent}/out", "device=cpu", *more], "predict")


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "clip_boxes.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_every_second_frame(clip: Path, tiny_finding: Path, capsys: Any) -> None:
    predict.predict(config(clip, tiny_finding, "video.rate=5"))
    folder = clip.parent / "out"
    found = lines(folder)
    assert [line["frame"] for line in found] == [0, 2, 4, 6, 8]
    assert [line["seconds"] for line in found] == [0, 0.2, 0.4, 0.6, 0.8]
    with Video(clip, 5) as video:
        frames = list(video)
    expected = Predictor.load(tiny_finding, "cpu")(
        [frame.image for frame in frames], "red circle. square", threshold=0.01
    )
    for line, result in zip(found, expected, strict=True):
        assert [box["phrase"] for box in line["boxes"]] == result.names
        assert [box["score"] for box in line["boxes"]] == pytest.approx(
            result.scores.tolist(), abs=1e-4
        )
    assert any(line["boxes"] for line in found) and "track" not in str(found)
    with Video(folder / "clip_boxes.mp4") as video:
        drawn = list(video)
    assert len(drawn) == 5
    assert drawn[0].image.size == (480, 320)  # enlarged, so that labels can be read
    about = json.loads((folder / "clip_boxes.json").read_text())
    assert about["frames"] == 5 and about["rate"] == 5
    assert about["checkpoint"]["path"] == str(tiny_finding)
    assert "5 frames" in capsys.readouterr().out


def test_objects_are_numbered(clip: Path, tiny_finding: Path) -> None:
    predict.predict(config(clip, tiny_finding, "video.track=true", "max_boxes=1"))
    numbers = [box["track"] for line in lines(clip.parent / "out") for box in line["boxes"]]
    assert 1 in numbers and numbers.count(1) > 1


def test_ctrl_c_leaves_what_was_done(
    clip: Path, tiny_finding: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    add = Recording.add

    def stopped(self: Recording, picture: Any, seconds: float) -> None:
        if self.frames == 3:
            raise KeyboardInterrupt
        add(self, picture, seconds)

    monkeypatch.setattr(Recording, "add", stopped)
    predictor = Predictor.load(tiny_finding, "cpu")
    query = predictor.encode("red circle")
    with pytest.raises(KeyboardInterrupt):
        annotate_video(predictor, query, clip, clip.parent, VideoOptions(0.01, 10), {})
    with Video(clip.parent / "clip_boxes.mp4") as video:
        assert len(list(video)) == 3
    assert json.loads((clip.parent / "clip_boxes.json").read_text())["frames"] == 3
    assert "3 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["image=broken.mp4"], "broken.mp4 cannot be read as a video"),
        (["image=clip.mp4", "explain=true"], "explain and why_not are for pictures"),
        (["image=clip.mp4", "video.rate=0"], "video.rate=0: must be a number above 0"),
    ],
)
def test_mistakes_are_one_line_before_a_model_is_loaded(
    words: list[str], message: str, clip: Path, failing: Failing, tiny_finding: Path
) -> None:
    (clip.parent / "broken.mp4").write_bytes(clip.read_bytes()[:200])
    said = failing(predict.main, *words, f"ckpt={tiny_finding}", "text=square")
    assert message in said and "\n" not in said.strip()
