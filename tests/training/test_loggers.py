from pathlib import Path

import pytest

from glip_pl.training.loggers import wandb_logger


def test_without_an_account_weights_and_biases_records_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "nobody"))
    logger = wandb_logger(str(tmp_path), offline=None, project="glip_pl", name="test")
    logger.log_metrics({"train/loss": 1.0}, step=1)
    logger.experiment.finish()
    assert list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
