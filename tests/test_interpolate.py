"""Forgetting is measured during a fine-tuning, and weights between checkpoints are evaluated."""

import csv
import json
from pathlib import Path

import pytest
import torch

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.errors import UserError
from glip_pl.interpolate import interpolate
from glip_pl.train import train
from tests.conftest import SMALL, Compose
from tests.reliability.tiny import config_of, write_own


@pytest.fixture
def after(tiny_text: Path, tmp_path: Path) -> Path:
    """Other weights of this model."""
    path = write_own(tmp_path / "after.ckpt", config_of(tiny_text))
    content = torch.load(path, weights_only=True)
    torch.manual_seed(1)
    for name, value in content["state_dict"].items():
        if name.startswith("model.head."):
            value.add_(0.1 * torch.randn_like(value))
    torch.save(content, path)
    return path


@pytest.fixture
def words(world: Path, custom: Path, tmp_path: Path) -> list[str]:
    """A user's folder, and the pre-training's world where the settings look for it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "shapes").symlink_to(world)
    return [
        *(word for word in SMALL if not word.startswith(("data.prepare", "data.train_transform"))),
        *(f"data.root={custom}", f"paths.data={tmp_path}/data", "retention=shapes"),
        "data.eval_transform.max_side=96",
    ]


def test_forgetting_is_logged_and_replayed_data_are_trained_on(
    words: list[str], tiny: list[str], settings: Compose, tiny_finding: Path, custom: Path
) -> None:
    config = settings(
        [
            *words,
            *tiny,
            *("experiment=finetune_custom", "replay=shapes", "tuning=head", f"ckpt={tiny_finding}"),
            *("data.train_transform.short_sides=[96]", "data.train_transform.max_side=96"),
            "data.train.replay_captions.weight=0.5",
            "trainer.max_epochs=1",
        ]
    )
    train(config)
    output = Path(config.paths.output)
    with (output / "csv" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    own = json.loads((custom / "train" / "_annotations.coco.json").read_text())["images"]
    assert sum(bool(row["train/loss"]) for row in rows) > len(own) // config.data.batch_size
    (row,) = (row for row in rows if row["val/AP"])
    assert row["val/AP"] == row["val/custom/AP"]
    assert row["val/retention_shapes/AP"] != row["val/AP"]
    results = json.loads((output / "results.json").read_text())
    assert list(results["sets"]) == ["custom", "retention_shapes"]
    assert results["score"] == pytest.approx(results["sets"]["custom"]["figures"]["AP"])


def test_retention_can_be_the_only_test_set(
    words: list[str], tiny: list[str], settings: Compose, tiny_finding: Path
) -> None:
    words += tiny
    words += [
        "experiment=finetune_custom",
        "tuning=head",
        f"ckpt={tiny_finding}",
        "trainer.max_steps=1",
    ]
    words += ["data.val.custom=null", "data.test.custom=null", "data.train_transform.max_side=96"]
    config = settings(words)
    train(config)
    results = json.loads(Path(config.paths.output, "results.json").read_text())
    assert results["score"] is None
    assert list(results["sets"]) == ["retention_shapes"]


def test_weights_between_two_checkpoints_are_evaluated_and_written(
    words: list[str], settings: Compose, tiny_finding: Path, after: Path, tmp_path: Path
) -> None:
    overrides = [*words, "data=custom", f"before={tiny_finding}", f"after={after}"]
    config = settings([*overrides, "shares=[0,1]"], "interpolate")
    interpolate(config)
    folder = Path(config.paths.output)
    curve = json.loads((folder / "curve.json").read_text())
    assert list(curve) == ["0.0", "1.0"]
    assert set(curve["1.0"]) == {"custom", "retention_shapes"}
    assert curve["0.0"] != curve["1.0"]
    results = json.loads((folder / "1" / "results.json").read_text())
    assert curve["1.0"]["custom"] == results["sets"]["custom"]["figures"]["AP"]
    assert (folder / "curve.png").stat().st_size > 10_000
    assert not list(folder.rglob("*.safetensors"))
    config.figure = "mAP"  # the evaluation itself is done already
    with pytest.raises(UserError, match="the set custom has no figure=mAP; it has: AP, AP50"):
        interpolate(config)
    out = tmp_path / "half.safetensors"
    interpolate(settings([*overrides, "shares=[0.5]", f"out={out}"], "interpolate"))
    name = "head.prior_bias"
    first, last, half = (read_checkpoint(path).weights[name] for path in (tiny_finding, after, out))
    torch.testing.assert_close(half, (first + last) / 2)
    with pytest.raises(UserError, match="one share"):
        interpolate(settings([*overrides, f"out={out}"], "interpolate"))


def test_models_for_images_of_different_sizes_are_told(
    tiny_text: Path, settings: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One size must do for both, and it is that of `after`."""
    sides, kept = {"before": 32, "after": 64}, config_of(tiny_text)
    for name, side in sides.items():
        kept["eval_transform"] = {"short_sides": [side], "max_side": 64}
        write_own(tmp_path / f"{name}.ckpt", kept)
    places = [f"{name}={tmp_path}/{name}.ckpt" for name in sides]
    out = tmp_path / "half.safetensors"
    words = ["data=custom", "data.root=x", *places, "shares=[0.5]", f"out={out}"]
    interpolate(settings(words, "interpolate"))
    assert read_checkpoint(out).config["eval_transform"]["short_sides"] == [64]
    assert "images have the size of `after`, {'short_sides': [64]" in caplog.text


def test_several_processes_are_refused(settings: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    config = settings(["data=custom", "before=x.ckpt"], "interpolate")
    with pytest.raises(UserError, match="without torchrun"):
        interpolate(config)


@pytest.mark.slow
def test_validation_chooses_the_share_within_a_budget(
    words: list[str],
    settings: Compose,
    tiny_finding: Path,
    after: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    overrides = [*words, "data=custom", f"before={tiny_finding}", f"after={after}"]
    overrides += ["data.retention.shapes.limit=2", "shares=[0.5]", "forget_at_most=100"]
    config = settings(overrides, "interpolate")
    interpolate(config)
    folder = Path(config.paths.output)
    curve = json.loads((folder / "curve.json").read_text())
    best = max(curve, key=lambda share: curve[share]["custom"])
    weights = read_checkpoint(folder / "within_budget.safetensors").weights
    name = "head.prior_bias"
    first, last = (read_checkpoint(path).weights[name] for path in (tiny_finding, after))
    torch.testing.assert_close(weights[name], first.lerp(last, float(best)))
    assert "Within the budget of 100 points" in capsys.readouterr().out
    results = json.loads((folder / f"{float(best):g}" / "results.json").read_text())
    assert results["sets"]["retention_shapes"]["images"] == 2
    with pytest.raises(UserError, match=r"needs retention=.*data\.val"):
        interpolate(settings([*overrides, "data.val=null"], "interpolate"))
