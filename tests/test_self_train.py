"""Rounds of self-training: who teaches whom, interruptions, and wrong settings."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.errors import UserError
from glip_pl.pseudo_label import pseudo_label
from glip_pl.running.runs import find_checkpoint
from glip_pl.self_train import claim_rounds, first_teacher, self_train
from glip_pl.train import train
from tests.conftest import SMALL, Compose


@pytest.fixture
def rounds(settings: Compose, world: Path, tiny: list[str], tiny_finding: Path) -> Any:
    def run(*overrides: str) -> Path:
        config = settings(
            [
                *SMALL,
                *("experiment=shapes_t", f"data.root={world}", *tiny),
                *("trainer.max_steps=2", "data.batch_size=4", "data.test=null"),
                "data.train.web.dataset.box_filter.min_score=0.1",
                f"teacher={tiny_finding}",
                *overrides,
            ],
            "self_train",
        )
        self_train(config)
        return Path(config.paths.output)

    return run


def test_each_student_teaches_the_next(rounds: Any, tiny_finding: Path) -> None:
    folder = rounds("rounds=2")
    first, second = (folder / f"round_{number}" for number in (1, 2))
    student = first / "checkpoints" / "last.ckpt"
    assert json.loads((first / "done.json").read_text())["teacher"] == str(tiny_finding)
    assert json.loads((second / "done.json").read_text())["teacher"] == str(student)
    for round_folder in (first, second):
        report = json.loads((round_folder / "labels" / "report.json").read_text())
        assert report["captions"] == 8
    weights = read_checkpoint(student).weights
    teacher = read_checkpoint(tiny_finding).weights
    assert any(bool((weights[name] != teacher[name]).any()) for name in weights)


def test_a_slow_teacher_is_the_mean_of_itself_and_its_student(
    rounds: Any, tiny_finding: Path
) -> None:
    folder = rounds("rounds=2", "teacher_decay=0.75")
    old = read_checkpoint(tiny_finding).weights
    new = read_checkpoint(folder / "round_1" / "checkpoints" / "last.ckpt").weights
    path = folder / "round_1" / "teacher.safetensors"
    mean = read_checkpoint(path).weights
    name = "head.prior_bias"
    assert 0 < abs(float(new[name] - old[name])) < 0.1  # the student started from the teacher
    torch.testing.assert_close(mean[name], 0.75 * old[name] + 0.25 * new[name])
    assert json.loads((folder / "round_2" / "done.json").read_text())["teacher"] == str(path)


def test_an_unknown_setting_of_the_labelling_is_refused(rounds: Any) -> None:
    with pytest.raises(UserError, match=r"label\.miror is no setting of pseudo_label"):
        rounds("+label.miror=true")


def test_an_interrupted_run_continues(rounds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def interrupted(config: Any) -> Any:
        calls.append("train")
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(config)

    def counted(config: Any) -> None:
        calls.append("label")
        pseudo_label(config)

    monkeypatch.setattr("glip_pl.self_train.train", interrupted)
    monkeypatch.setattr("glip_pl.self_train.pseudo_label", counted)
    with pytest.raises(KeyboardInterrupt):
        rounds()
    folder = rounds()
    assert calls == ["label", "train", "label", "train"]  # labelling finds its shards complete
    stamp = (folder / "round_1" / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    rounds("rounds=2")
    assert (folder / "round_1" / "checkpoints" / "last.ckpt").stat().st_mtime_ns == stamp
    assert calls[4:] == ["label", "train"]
    with pytest.raises(UserError, match="belongs to another job, which differs in: settings"):
        rounds("optimizer.lr=1e-5")


def test_a_continued_run_keeps_its_first_teacher(
    settings: Compose, tiny_finding: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old" / "checkpoints" / "best.ckpt"
    old.parent.mkdir(parents=True)
    old.symlink_to(tiny_finding)
    config = settings(["experiment=shapes_t", "teacher=best"], "self_train")
    folder = Path(config.paths.output)
    teacher = first_teacher(folder, config)
    claim_rounds(folder, config, teacher)
    student = folder / "round_1" / "checkpoints" / "best.ckpt"
    student.parent.mkdir(parents=True)
    student.symlink_to(tmp_path / "newer")
    (tmp_path / "newer").touch()
    assert find_checkpoint("best", tmp_path) == student
    assert first_teacher(folder, config) == teacher.resolve() == tiny_finding.resolve()
    claim_rounds(folder, config, first_teacher(folder, config))


def test_each_model_of_the_ablation_adds_one_source_or_the_fusion(settings: Compose) -> None:
    a, b, c, t = (settings([f"experiment=shapes_{model}"]) for model in "abct")
    sources = [{name for name, node in x.data.train.items() if node} for x in (a, b, c, t)]
    assert sources[0] == sources[1] == {"detection"}
    assert sources[2] == {"detection", "captions"}
    assert sources[3] == {"detection", "captions", "web"}
    assert a.model.fusion != b.model.fusion == c.model.fusion == t.model.fusion
    assert len({x.trainer.max_steps for x in (a, b, c, t)}) == 1
    assert a.data.prepare == b.data.prepare == c.data.prepare == t.data.prepare
