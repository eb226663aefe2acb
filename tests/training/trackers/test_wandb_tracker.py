"""Weights & Biases records without an account or a network, pictures too."""

import json
from pathlib import Path

import pytest
from PIL import Image
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.training.trackers.wandb_tracker import WandbTracker, wandb_tracker


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged in."""
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "nobody"))


def started(folder: Path) -> WandbTracker:
    return wandb_tracker(str(folder), offline=None, project="glip_pl", name="test")


def test_without_an_account_it_records_offline_and_a_run_is_continued(tmp_path: Path) -> None:
    tracker = started(tmp_path)
    tracker.log_metrics({"train/loss": 1.0}, step=1)
    pictures = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    tracker.log_pictures("val/seen", pictures, ["a red star", "a ring"], step=1)
    tracker.log_figures("test/seen", {"AP": 0.5, "AP/red star": 0.25}, step=1)
    tracker.close()
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    assert list(folder.glob("run-*.wandb"))
    files = list((folder / "files" / "media" / "images" / "val").glob("seen_*.png"))
    assert len(files) == 2
    (table,) = folder.rglob("*.table.json")
    assert json.loads(table.read_text())["data"] == [["AP", 0.5], ["AP/red star", 0.25]]
    again = started(tmp_path)  # the training is resumed
    assert again.version == tracker.version
    assert folder.name.endswith(f"-{again.version}")


def test_only_the_first_process_logs_in_and_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("wandb.login", lambda **_: asked.append("login"))
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    tracker = started(tmp_path)
    tracker.log_metrics({"train/loss": 1.0}, step=1)
    tracker.close()
    assert asked == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    started(tmp_path)
    assert asked == ["login"]
