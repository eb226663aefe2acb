"""Writes the results of a test; training and evaluation end with it."""

import logging
import re
from dataclasses import replace
from math import nan
from pathlib import Path, PurePath
from typing import Any

import pytorch_lightning as pl

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.inspection.final_report import write_page
from glip_pl.inspection.misses import Miss, worst_misses
from glip_pl.metrics.detections_file import write_detections
from glip_pl.running.results import SetReport, image_size, reports_of, show, write_results
from glip_pl.training.loggers import log_figures, log_pictures
from glip_pl.training.module import GroundingModule

log = logging.getLogger(__name__)

MISSES = 16
"""Pictures that are drawn of each set, those with the most missed boxes."""


def finish_test(
    trainer: pl.Trainer,
    module: GroundingModule,
    data: GroundingDataModule,
    results: Path,
    title: str,
    checkpoint: Path | None,
    published: dict[str, Any] | None = None,
    key: str = "",
    opening: str = "",
) -> float:
    """Show the figures of a test and write its detections, pictures, page and `results`.

    Returns the mean of the main figures; NaN if all sets measure retention. results.json is written
    last: if it exists, the other files do too. `opening` is HTML for the beginning of the page.
    Every process must call this; only the first writes.
    """
    score = float(trainer.callback_metrics.get("test/AP", nan))
    if trainer.is_global_zero:
        reports = [
            _completed(report, data, module)
            for report in reports_of(module.results, module.test, published or {})
        ]
        show(reports, f"test of {title}")
        for name, evaluation in module.test.sets.items():
            path = results.with_name(f"detections_{name}.json")
            write_detections(*evaluation.metric.truth_and_detections(), path)
            print(f"detections: {path}")
            misses = list(worst_misses(data.test[name], evaluation.metric, MISSES))
            _write_misses(misses, results.parent / "misses" / name)
            _log(trainer, name, module.results[name], misses)
        metrics = {name: evaluation.metric for name, evaluation in module.test.sets.items()}
        page = results.with_name("report.html")
        write_page(page, title, data.test, metrics, reports, opening)
        if module.test.any_unreadable:
            key = ""  # the same command again must not take these results for complete ones
        write_results(reports, score, checkpoint, results, key)
    return score


def _completed(report: SetReport, data: GroundingDataModule, module: GroundingModule) -> SetReport:
    """A report with the size of the images, and whether pycocotools finds the same figures."""
    kept = module.config["eval_transform"]
    metric = module.test.sets[report.name].metric
    count = metric.counted_again(report.figures, *metric.truth_and_detections())
    if count is not None:
        level = logging.WARNING if count.differing else logging.INFO
        log.log(level, "%s: %s", report.name, count)
    size = image_size(data.test[report.name].transform, kept)
    return replace(report, image_size=size, second_count=count)


def _write_misses(misses: list[Miss], folder: Path) -> None:
    for rank, miss in enumerate(misses):
        folder.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^\w-]+", "_", PurePath(miss.name).stem)[:60]
        miss.picture.save(folder / f"{rank:02d}_{miss.missed}_missed_{stem}.png")
    if misses:
        print(f"images with the most missed boxes: {folder}")


def _log(trainer: pl.Trainer, name: str, figures: dict[str, float], misses: list[Miss]) -> None:
    """Log a set's figures, and its pictures with the most missed boxes."""
    log_figures(trainer.loggers, f"test/{name}", figures, trainer.global_step)
    pictures = [miss.picture for miss in misses]
    captions = [f"{miss.name}: {miss.missed} missed" for miss in misses]
    log_pictures(trainer.loggers, f"misses/{name}", pictures, captions, trainer.global_step)
