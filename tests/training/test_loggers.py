from pathlib import Path

import pytest

from glip_pl.training.loggers import csv_logger, wandb_logger


def test_without_an_account_weights_and_biases_records_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "nobody"))
    logger = wandb_logger(str(tmp_path), offline=None, project="glip_pl", name="test")
    logger.log_metrics({"train/loss": 1.0}, step=1)
    logger.experiment.finish()
    assert list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))


def test_the_table_of_an_interrupted_run_stays(tmp_path: Path) -> None:
    for number in range(3):
        logger = csv_logger(str(tmp_path))
        logger.log_metrics({"train/loss": float(number)}, step=number)
        logger.save()
    tables = [tmp_path / name / "metrics.csv" for name in ("csv", "csv_1", "csv_2")]
    assert [file.read_text().split()[1] for file in tables] == ["0,0.0", "1,1.0", "2,2.0"]
