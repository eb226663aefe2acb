"""The command that detects objects in pictures: what it writes, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from glip_pl import predict
from glip_pl.errors import UserError
from glip_pl.predict import Predictions
from glip_pl.running.settings import compose_settings
from glip_pl.types import Detections, Prompt
from tests.conftest import MINILM, Failing

PROMPT = Prompt("a cat. two dogs", (((0, 5),), ((7, 15),)))


def test_predictions_are_drawn_and_written(checkpoint: Path, tmp_path: Path, world: Path) -> None:
    """The real command, from another folder."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "glip_pl.predict"),
            f"image={world}/images/seen",
            "text='a red star. two blue rings'",
            f"ckpt={checkpoint}",
            "threshold=0.0",
        ],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    report = json.loads((tmp_path / "predictions" / "predictions.json").read_text())
    assert [Path(image["file"]).name for image in report["images"]] == [
        f"{number:06d}.png" for number in range(1, 5)
    ]
    assert "4 pictures" in finished.stdout
    for image in report["images"]:
        assert (tmp_path / "predictions" / f"{Path(image['file']).stem}_png.png").is_file()
        for box in image["boxes"]:
            assert box["phrase"] in ("a red star", "two blue rings")
            x1, y1, x2, y2 = box["box"]
            assert 0 <= x1 < x2 <= image["width"] and 0 <= y1 < y2 <= image["height"]


def test_wrong_prompts_and_pictures_are_refused(
    failing: Failing, tmp_path: Path, checkpoint: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    ckpt = f"ckpt={checkpoint}"
    assert "names nothing to look for" in failing(predict.main, "image=x.png", "text=' . '", ckpt)
    long = "text='" + "a cat. " * 200 + "'"
    assert "the model reads 256" in failing(predict.main, "image=x.png", long, ckpt)
    assert "broken.jpg" in failing(predict.main, "image=broken.jpg", "text=a cat", ckpt)
    assert "nothing.png" in failing(predict.main, "image=nothing.png", "text=a cat", ckpt)
    assert "say what to look for" in failing(predict.main, "image=x.png")
    both = ("text=a cat", "names=names.txt")
    assert "say what to look for" in failing(predict.main, "image=x.png", *both)
    message = failing(predict.main, "image=x.png", "names=gone.txt", ckpt)
    assert "gone.txt" in message and "(the setting `names`)" in message
    (tmp_path / "file").touch()
    words = ("image=x.png", "text=7", ckpt)
    assert "(the setting `output`)" in failing(predict.main, *words, "output=file")
    assert "device=cuda:99 is not available" in failing(predict.main, *words, "device=cuda:99")


@pytest.fixture
def folder(tmp_path: Path, world: Path) -> Path:
    """Two readable pictures and a broken one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture = (world / "images/seen/000001.png").read_bytes()
    for name in ("a.png", "b.PNG"):
        (folder / name).write_bytes(picture)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return folder


def settings_of(folder: Path, finding: Path, *overrides: str) -> Any:
    words = [f"image={folder}", f"ckpt={finding}", f"tokenizer.source={MINILM}"]
    return compose_settings([*words, f"output={folder.parent}/out", *overrides], "predict")


def test_unreadable_pictures_are_named_after_the_others_are_done(
    folder: Path, finding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = folder.parent / "names.txt"
    names.write_text("red star\n\n  blue ring \n")
    with pytest.raises(UserError, match=r"1 pictures could not be read: .*broken\.jpg"):
        predict.predict(settings_of(folder, finding, f"names={names}", "threshold=0.1"))
    report = json.loads((folder.parent / "out" / "predictions.json").read_text())
    assert [image["picture"] for image in report["images"]] == ["a_png.png", "b_PNG.png"]
    boxes = [box for image in report["images"] for box in image["boxes"]]
    assert boxes and {box["phrase"] for box in boxes} <= {"red star", "blue ring"}
    assert all(box["score"] >= 0.1 for box in boxes)
    assert f"{len(boxes)} boxes in 2 pictures" in capsys.readouterr().out


def test_an_interrupted_command_keeps_its_predictions(
    folder: Path, finding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Predictions.add

    def interrupted(self: Predictions, *arguments: Any) -> None:
        if self.entries:
            raise KeyboardInterrupt
        add(self, *arguments)

    monkeypatch.setattr(Predictions, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict.predict(settings_of(folder, finding, "text=a star"))
    report = json.loads((folder.parent / "out" / "predictions.json").read_text())
    assert [Path(image["file"]).name for image in report["images"]] == ["a.png"]


def test_files_of_the_same_name_do_not_replace_each_other(tmp_path: Path) -> None:
    predictions = Predictions(tmp_path, PROMPT)
    detections = Detections(
        torch.tensor([[1.0, 2, 3, 4.004]]), torch.tensor([0.87654]), torch.tensor([1])
    )
    for parent in ("here", "there"):
        predictions.add(Path(parent, "x.jpg"), Image.new("RGB", (9, 8)), detections)
    first, second = predictions.entries
    assert (first["picture"], second["picture"]) == ("x_jpg.png", "00001_x_jpg.png")
    assert all((tmp_path / image["picture"]).is_file() for image in predictions.entries)
    assert first["boxes"] == [
        {"phrase": "two dogs", "phrase_id": 1, "score": 0.8765, "box": [1.0, 2.0, 4.0, 5.0]}
    ]
    assert (first["width"], first["height"]) == (9, 8)


def test_no_report_is_written_without_a_prediction(tmp_path: Path) -> None:
    predictions = Predictions(tmp_path, PROMPT)
    predictions.write_report()
    assert not predictions.report.exists()
