"""MLflow keeps runs in a folder without a server; a resumed training continues its run."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from glip_pl import errors
from glip_pl.errors import UserError
from glip_pl.training.trackers import mlflow_tracker as module
from glip_pl.training.trackers.mlflow_tracker import allowed_name, mlflow_tracker
from tests.conftest import Compose
from tests.training.trackers.logged_training import logged_training


@pytest.fixture(autouse=True)
def folder_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the tracker sets it for its process."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_training_and_its_continuation_are_one_run(
    world: Path, tiny: list[str], settings: Compose, tmp_path: Path
) -> None:
    output = logged_training(world, tiny, settings, "mlflow")
    last = output / "checkpoints" / "last.ckpt"
    more = [f"resume={last}", f"paths.output={tmp_path}/second", "trainer.max_epochs=2"]
    logged_training(world, tiny, settings, "mlflow", *more)

    client = MlflowClient((tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("glip_pl")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.info.run_name == "test"
    assert run.data.params["data/batch_size"] == "4"
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "val/AP")]
    assert len(steps) == 2 and steps[1] == 2 * steps[0] + 1
    files = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    assert sum("val~seen~0+step" in file and file.endswith(".png") for file in files) == 2
    assert any("misses~seen~0" in file for file in files)
    figures = client.download_artifacts(run.info.run_id, "test/seen/figures.json")
    assert "AP50" in json.loads(Path(figures).read_text())
    assert client.list_artifacts(run.info.run_id, "val/seen")


def test_names_that_mlflow_refuses_are_changed(tmp_path: Path) -> None:
    assert allowed_name("val/phrases/R@1") == "val/phrases/R_1"
    tracker = mlflow_tracker(str(tmp_path), f"{tmp_path}/store", "glip_pl", "test")
    tracker.log_metrics({"val/phrases/R@1": 0.5}, step=3)
    run = tracker.experiment.get_run(tracker.run_id)
    assert run.data.metrics == {"val/phrases/R_1": 0.5}


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("sqlite:///runs.db", "a database needs all of MLflow: pip install mlflow"),
        ("nonsense://place", "MLflow cannot log to nonsense://place"),
    ],
)
def test_an_address_that_cannot_be_used(
    uri: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=message):
        mlflow_tracker(str(tmp_path), f"{tmp_path}/store", "glip_pl", "test", uri)


def test_a_missing_mlflow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"logger=mlflow needs .*glip_pl\[mlflow\]"):
        mlflow_tracker(str(tmp_path), "store", "glip_pl", "test")
