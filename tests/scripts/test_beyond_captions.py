"""The measurement of referring expressions: its settings, and what it reads of a run."""

import json
from pathlib import Path

import pytest

from scripts.beyond import captions
from tests.conftest import Compose


def test_every_arm_has_valid_settings_and_as_many_pictures_as_its_steps_need(
    settings: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []

    def record(*words: str) -> None:
        commands.append(words)
        (tmp_path / "not_tuned" / "results.json").write_text(json.dumps({"sets": _sets()}))

    monkeypatch.setattr(captions, "run", record)
    folder = tmp_path / "seed_1" / "arm"
    for written in (folder, tmp_path / "not_tuned"):
        written.mkdir(parents=True)
    for arm in captions.captions(tmp_path / "base.ckpt").arms.values():
        (folder / "results.json").write_text(json.dumps({"sets": _sets()}))
        arm(folder, 1)
    for command, *words in commands:
        config = settings([word for word in words if not word.startswith("hydra.")], command)
        assert {"referring", "root", "seen", "rare"} <= config.data.test.keys()
        if command == "train":
            counts = {"detection": 1500, "captions": 5000, "relations": 2000}
            weights = {name: config.data.train[name].weight for name in counts}
            drawn = sum(weights[name] * count for name, count in counts.items())
            assert drawn == pytest.approx(captions.STEPS * config.data.batch_size, abs=1)
            assert config.data.prepare.world.relations == counts["relations"]


def test_figures_are_in_points(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"sets": _sets()}))
    figures = captions._figures(tmp_path)
    assert figures["P@1/relation"] == 50
    assert figures["P@1/relation, noun phrase"] == 25
    assert figures["rare AP"] == 10


def _sets() -> dict[str, dict[str, dict[str, float]]]:
    """The sets of a results.json."""
    expressions = {"P@1": 0.6, "P@1/attributes": 0.8, "P@1/relation": 0.5}
    return {
        "referring": {"figures": expressions},
        "root": {"figures": {**expressions, "P@1/relation": 0.25}},
        "seen": {"figures": {"AP": 0.9}},
        "rare": {"figures": {"AP": 0.1}},
    }
