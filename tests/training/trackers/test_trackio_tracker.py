"""Trackio keeps runs in a local database; a resumed training continues its run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from glip_pl import errors
from glip_pl.errors import UserError
from glip_pl.training.trackers.trackio_tracker import trackio_tracker
from tests.conftest import Compose
from tests.training.trackers.logged_training import logged_training

READ = """
import json
from trackio.sqlite_storage import SQLiteStorage
(run,) = SQLiteStorage.get_runs("glip_pl")
print(json.dumps([run, SQLiteStorage.get_logs("glip_pl", run)], default=str))
"""
"""Prints the only run of the project and what it has logged, from the database."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trackio's folder, which it reads from the environment when it is first imported."""
    assert "trackio" not in sys.modules
    folder = tmp_path_factory.mktemp("trackio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(folder))
        import trackio  # noqa: F401
    return folder


def logged(store: Path) -> tuple[str, list[dict[str, Any]]]:
    """The only run and its entries."""
    environment = os.environ | {"TRACKIO_DIR": str(store)}
    words = [sys.executable, "-c", READ]
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    run, entries = json.loads(said.stdout.splitlines()[-1])
    return run, entries


def test_a_training_and_its_continuation_are_one_run(
    world: Path, tiny: list[str], settings: Compose, tmp_path: Path, store: Path
) -> None:
    output = logged_training(world, tiny, settings, "trackio")
    last = output / "checkpoints" / "last.ckpt"
    more = [f"resume={last}", f"paths.output={tmp_path}/second", "trainer.max_epochs=2"]
    logged_training(world, tiny, settings, "trackio", *more)

    run, entries = logged(store)
    assert run.startswith("test-run-")
    steps = [entry["step"] for entry in entries if "val/AP" in entry]
    assert len(steps) == 2 and steps[1] == 2 * steps[0] + 1
    (picture, _) = (entry["val/seen/0"] for entry in entries if "val/seen/0" in entry)
    assert picture["_type"] == "trackio.image" and picture["caption"]
    assert len(list(store.rglob("*.png"))) > 8
    tables = [entry["test/seen/figures"] for entry in entries if "test/seen/figures" in entry]
    assert tables[0]["_type"] == "trackio.table"
    assert any("misses/seen/0" in entry for entry in entries)


def test_a_missing_trackio_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"logger=trackio needs .*glip_pl\[trackio\]"):
        trackio_tracker(str(tmp_path), "glip_pl", "test")
