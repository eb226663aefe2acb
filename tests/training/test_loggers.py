"""Trackers get pictures and figures; loggers that show none are left out."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.logger import DummyLogger

from glip_pl.training.loggers import close_loggers, csv_logger, log_figures, log_pictures


class Recorder(DummyLogger):
    """A tracker of a user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[object, ...]] = []

    def log_pictures(
        self, key: str, pictures: Sequence[Image.Image], captions: Sequence[str], step: int
    ) -> None:
        self.calls.append((key, len(pictures), list(captions), step))

    def log_figures(self, key: str, figures: Mapping[str, float], step: int) -> None:
        self.calls.append((key, dict(figures), step))

    def close(self) -> None:
        self.calls.append(("close",))


def test_trackers_get_pictures_and_figures(tmp_path: Path) -> None:
    tracker = Recorder()
    loggers = [CSVLogger(str(tmp_path)), tracker]
    log_pictures(loggers, "val/seen", [Image.new("RGB", (4, 4))], ["a star"], 3)
    log_pictures(loggers, "val/seen", [], [], 3)  # there is nothing to show
    log_figures(loggers, "test/seen", {"AP": 0.5}, 3)
    close_loggers(loggers)
    assert tracker.calls == [
        ("val/seen", 1, ["a star"], 3),
        ("test/seen", {"AP": 0.5}, 3),
        ("close",),
    ]


def test_the_table_of_an_interrupted_run_stays(tmp_path: Path) -> None:
    for number in range(3):
        logger = csv_logger(str(tmp_path))
        logger.log_metrics({"train/loss": float(number)}, step=number)
        logger.save()
    tables = [tmp_path / name / "metrics.csv" for name in ("csv", "csv_1", "csv_2")]
    assert [file.read_text().split()[1] for file in tables] == ["0,0.0", "1,1.0", "2,2.0"]
