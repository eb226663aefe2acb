"""The command that detects objects in pictures: what it writes, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from PIL import Image

from glip_pl import __version__, predict
from glip_pl.errors import UserError
from glip_pl.files.hashing import sha256_of
from glip_pl.inference.predictions import Predictions
from glip_pl.running.settings import compose_settings
from tests.conftest import Failing
from tests.reliability.tiny import config_of, write_own


def test_predictions_are_drawn_and_written(tiny_finding: Path, tmp_path: Path, world: Path) -> None:
    """The real command, from another folder."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "glip_pl.predict"),
            f"image={world}/images/seen",
            "text='a red star. two blue rings'",
            f"ckpt={tiny_finding}",
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
        assert (tmp_path / "predictions" / f"{Path(image['file']).stem}_png.jpg").is_file()
        for box in image["boxes"]:
            assert box["phrase"] in ("a red star", "two blue rings")
            x1, y1, x2, y2 = box["box"]
            assert 0 <= x1 < x2 <= image["width"] and 0 <= y1 < y2 <= image["height"]


def test_wrong_prompts_and_pictures_are_refused(
    failing: Failing, tmp_path: Path, tiny_finding: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    ckpt = f"ckpt={tiny_finding}"
    assert "names nothing to look for" in failing(predict.main, "image=x.png", "text=' . '", ckpt)
    long = "text='" + "".join(f"cat {number}. " for number in range(200)) + "'"
    assert "the model reads 256" in failing(predict.main, "image=x.png", long, ckpt)
    assert "broken.jpg" in failing(predict.main, "image=broken.jpg", "text=a cat", ckpt)
    assert "nothing.png" in failing(predict.main, "image=nothing.png", "text=a cat", ckpt)
    assert "say what to look for" in failing(predict.main, "image=x.png")
    both = ("text=a cat", "names=names.txt")
    assert "text and names are both set" in failing(predict.main, "image=x.png", *both)
    message = failing(predict.main, "image=x.png", "names=gone.txt", ckpt)
    assert "gone.txt" in message and "(the setting `names`" in message
    (tmp_path / "file").touch()
    words = ("image=x.png", "text=7", ckpt)
    assert "(the setting `output`)" in failing(predict.main, *words, "output=file")
    for device in ("cuda:99", "meta", "nonsense"):
        said = failing(predict.main, *words, f"device={device}")
        assert f"device={device} is not available, use auto, cpu, cuda or mps: " in said
        assert "\n" not in said.partition("error: ")[2].strip()


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
    words = [f"image={folder}", f"ckpt={finding}"]
    return compose_settings([*words, f"output={folder.parent}/out", *overrides], "predict")


def test_unreadable_pictures_are_named_after_the_others_are_done(
    folder: Path, tiny_finding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = folder.parent / "names.txt"
    names.write_text("red star\n\n  blue ring \n")
    with pytest.raises(UserError, match=r"1 pictures could not be read: .*broken\.jpg"):
        predict.predict(settings_of(folder, tiny_finding, f"names={names}", "threshold=0.1"))
    report = json.loads((folder.parent / "out" / "predictions.json").read_text())
    assert [image["picture"] for image in report["images"]] == ["a_png.jpg", "b_PNG.jpg"]
    boxes = [box for image in report["images"] for box in image["boxes"]]
    assert boxes and {box["phrase"] for box in boxes} <= {"red star", "blue ring"}
    assert all(box["score"] >= 0.1 for box in boxes)
    assert f"{len(boxes)} boxes in 2 pictures" in capsys.readouterr().out


def test_an_interrupted_command_keeps_its_predictions(
    folder: Path, tiny_finding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Predictions.add

    def interrupted(self: Predictions, *arguments: Any) -> None:
        if self.entries:
            raise KeyboardInterrupt
        add(self, *arguments)

    monkeypatch.setattr(Predictions, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict.predict(settings_of(folder, tiny_finding, "text=a star"))
    report = json.loads((folder.parent / "out" / "predictions.json").read_text())
    assert [Path(image["file"]).name for image in report["images"]] == ["a.png"]


def test_the_report_says_how_it_was_made(
    world: Path, tiny_finding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = world / "images/seen/000001.png"
    predict.predict(
        settings_of(picture, tiny_finding, "text=[circle, square]", f"output={tmp_path}")
    )
    report = json.loads((tmp_path / "predictions.json").read_text())
    assert report["checkpoint"] == {"path": str(tiny_finding), "sha256": sha256_of(tiny_finding)}
    assert (report["threshold"], report["max_boxes"]) == (0.3, 100)
    assert (report["prompt"], report["glip_pl"]) == ("circle. square", __version__)
    printed = capsys.readouterr().out
    assert f"checkpoint: {tiny_finding}" in printed
    assert "detecting 2 phrases: circle, square" in printed


def test_a_limit_of_boxes_that_cuts_is_reported(
    world: Path, finding: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = world / "images/seen/000001.png"
    words = ["text=circle", f"output={tmp_path}", "threshold=0"]
    scores = []
    for most in (4, 1000):
        predict.predict(settings_of(picture, finding, *words, f"max_boxes={most}"))
        report = json.loads((tmp_path / "predictions.json").read_text())
        scores.append([box["score"] for box in report["images"][0]["boxes"]])
        assert ("000001.png has more than 4 boxes" in caplog.text) == (most == 4)
        caplog.clear()
    assert 4 <= len(scores[0]) < len(scores[1]) and scores[1][: len(scores[0])] == scores[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["text={a: b}"], "text={'a': 'b'} is a dictionary"),
        (["text=[null]"], r"text=\[None\] must be a list of texts"),
        (["text=[[a]]"], r"text=\[\['a'\]\] must be a list of texts"),
        (["text=null", "names=5"], "cannot read the names: .*'5'"),
    ],
)
def test_wrong_settings_are_named(
    words: list[str], message: str, world: Path, tiny_finding: Path
) -> None:
    picture = world / "images/seen/000001.png"
    with pytest.raises(UserError, match=message):
        predict.predict(settings_of(picture, tiny_finding, "text=circle", *words))


def test_a_command_that_fails_does_not_wait_for_the_hash(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing a large model takes seconds, beside which the pictures are searched."""
    waiting = Event()
    monkeypatch.setattr(predict, "sha256_of", lambda path: waiting.wait(60))
    (tmp_path / "text.ckpt").write_text("hello")
    words = settings_of(world / "images/seen/000001.png", tmp_path / "text.ckpt", "text=a cat")
    with pytest.raises(UserError, match="it is a text"):
        predict.predict(words)
    assert not waiting.is_set()
    waiting.set()


def test_evidence_is_written_and_a_missing_box_is_explained(
    folder: Path, tiny_finding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.jpg").unlink()
    words = ["text=a star", f"ckpt={tiny_finding}", "tokenizer.source=null", "threshold=0.1"]
    predict.predict(settings_of(folder, tiny_finding, *words, "explain=true"))
    names = [
        f"{name}_{part}"
        for name in ("a_png", "b_PNG")
        for part in ("a.png", "explain.npz", "star.png")
    ]
    written = {path.name for path in (folder.parent / "out").iterdir()}
    assert written == {*names, "a_png.jpg", "b_PNG.jpg", "predictions.json"}
    words += ["why_not=[10,20,50,60]", "why_not_phrase=a star"]
    predict.predict(settings_of(folder / "a.png", tiny_finding, *words))
    assert "'a star' at [10, 20, 50, 60]: " in capsys.readouterr().out
    with pytest.raises(UserError, match="a box in one picture, but image= has 2"):
        predict.predict(settings_of(folder, tiny_finding, *words))
    with pytest.raises(UserError, match="why_not and why_not_phrase belong together"):
        predict.predict(settings_of(folder, tiny_finding, *words[:4], "why_not=[1,2,3,4]"))
    with pytest.raises(UserError, match="cannot be read as a font"):
        predict.predict(settings_of(folder, tiny_finding, *words[:4], "font=gone.ttf"))


def test_examples_take_the_place_of_words_and_become_a_prompt(
    tmp_path: Path, tiny_text: Path, world: Path
) -> None:
    checkpoint = write_own(tmp_path / "a.ckpt", config_of(tiny_text, visual_prompts=True))
    picture = world / "images/seen/000001.png"
    words = [f"image={picture}", f"ckpt={checkpoint}", "threshold=0.0", "device=cpu"]
    shown = [f"like={picture}", "boxes={odd thing: [[2,2,40,40],[3,4,9,9]]}", "text=red circle"]

    def boxes(output: str, *asked: str) -> Any:
        predict.predict(
            compose_settings([*words, *asked, f"output={tmp_path / output}"], "predict")
        )
        report = json.loads((tmp_path / output / "predictions.json").read_text())
        return report["images"][0]["boxes"]

    found = boxes("a", *shown)
    assert {one["phrase"] for one in found} == {"red circle", "odd thing"}
    assert boxes("b", f"prompt={tmp_path}/a/prompt.safetensors") == found
    alone = boxes("c", *shown[:1], "boxes=[2,2,40,40]")
    assert {one["phrase"] for one in alone} == {"example"}


def test_wrong_examples_are_refused_before_a_model_is_read(
    failing: Failing, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    words = ("image=x.png", "ckpt=none.ckpt")
    assert "like and boxes belong together" in failing(predict.main, *words, "like=x.png")
    both = ("like=x.png", "boxes=[1,1,5,5]", "prompt=a.safetensors")
    assert "prompt and like are both set" in failing(predict.main, *words, *both)
    assert "boxes=far" in failing(predict.main, *words, "like=x.png", "boxes=far")


def test_a_model_that_reads_words_only_says_so(
    failing: Failing, tmp_path: Path, tiny_finding: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    asked = ("image=x.png", f"ckpt={tiny_finding}", "like=x.png", "boxes=[1,1,5,5]")
    assert "this model reads words only" in failing(predict.main, *asked)
