"""The command `train` as users run it, on a tiny world."""

import json
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from glip_pl import train
from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.errors import UserError
from tests.conftest import Compose
from tests.training.short_runs import logged, short, without_evaluation


def test_a_run_leaves_logs_checkpoints_pictures_and_results(
    world: Path, tiny: list[str], settings: Compose
) -> None:
    config = settings(short(world, *tiny, "data.val.seen.limit=4", "callbacks.pictures.count=2"))
    score = train.train(config)
    output = Path(config.paths.output)
    names = set(logged(output)[0])
    assert {"train/loss", "train/alignment", "images/s", "memory_gb", "val/AP"} <= names
    assert any(name.startswith("lr-") for name in names)
    results = json.loads((output / "results.json").read_text())
    assert set(results["sets"]) == {"seen", "rare", "unseen", "synonyms"}
    assert 0 <= results["sets"]["seen"]["figures"]["AP50"] <= 1
    pictures = {path.relative_to(output) for path in output.rglob("*.png")}
    assert Path("pictures/test/unseen_01.png") in pictures
    assert any("step_" in str(path) for path in pictures)
    for name in ("best", "last"):
        checkpoint = output / "checkpoints" / f"{name}.ckpt"
        trained = load_trained(checkpoint)
        assert trained.config["eval_transform"]["short_sides"] == [96]
        # The average of a run is not its last weights.
        content = torch.load(checkpoint, weights_only=True)
        assert "current_model_state" in content
    validated = [float(row["val/AP"]) for row in logged(output) if row["val/AP"]]
    assert score == pytest.approx(max(validated), abs=1e-6)


def test_examples_are_trained_beside_words_from_a_model_that_reads_words_only(
    world: Path, settings: Compose, tiny: list[str], tiny_finding: Path
) -> None:
    words = without_evaluation(world, "trainer.max_steps=4", "data.visual_prompts=1.0", *tiny)
    config = settings([*words, "data.batch_size=4", "data.train.captions=null"])
    run = train.prepare(config, tiny_finding)
    before = {name: value.clone() for name, value in run.module.model.visual.state_dict().items()}
    train.fit(run)
    after = run.module.model.visual.state_dict()
    assert before and not any(value.equal(after[name]) for name, value in before.items())
    trained = load_trained(Path(config.paths.output, "checkpoints", "last.ckpt"))
    assert trained.config["model"]["visual_prompts"] is True
    with pytest.raises(UserError, match=r"set model=... model.visual_prompts=true"):
        train.prepare(
            settings([*without_evaluation(world, *tiny)]),
            Path(config.paths.output, "checkpoints", "last.ckpt"),
        )


def test_the_settings_that_are_written_are_those_that_ran(world: Path, settings: Compose) -> None:
    words = without_evaluation(world, "trainer.max_epochs=auto", "trainer.max_steps=1")
    config = settings([*words, "trainer.check_val_every_n_epoch=auto"])
    run = train.prepare(config, None)
    written = OmegaConf.load(Path(config.paths.output, "config.yaml"))
    assert written == OmegaConf.create(OmegaConf.to_container(run.config, resolve=True))
    assert written.trainer.max_epochs == run.trainer.max_epochs == 84  # of 6 steps
    assert written.trainer.check_val_every_n_epoch == run.trainer.check_val_every_n_epoch == 4
    assert config.trainer.max_epochs == "auto"  # the settings of the caller stay


def test_a_sweep_makes_a_run_per_setting(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [
        *without_evaluation(world),
        *("trainer.max_steps=1", "callbacks.last=null", f"paths.runs={tmp_path}/runs"),
    ]
    sweep = ["-m", "experiment=shapes_pretrain", "optimizer.lr=1e-4,3e-4"]
    monkeypatch.setattr(sys, "argv", ["train", *sweep, *words])
    train.main()
    logs = sorted((tmp_path / "runs" / "sweeps").glob("*/*/csv/metrics.csv"))
    assert [path.parents[1].name for path in logs] == ["0", "1"]
    settings = [(path.parents[1] / ".hydra/config.yaml").read_text() for path in logs]
    assert "lr: 0.0001" in settings[0]
    assert "lr: 0.0003" in settings[1]
