"""Figures of an evaluation: tables for people, and results.json for programs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from glip_pl.data.transforms import ResizeFlip
from glip_pl.files.hashing import sha256_of
from glip_pl.files.reading import read_json
from glip_pl.files.writing import write_json
from glip_pl.metrics.second_count import SecondCount
from glip_pl.running.settings import given_overrides
from glip_pl.training.evaluation import Evaluator

LIBRARIES = ("glip_pl", "torch", "torchvision", "timm", "transformers", "pytorch-lightning")
"""Packages whose versions results.json contains."""

FOIL_COLUMNS = {
    "AP beside foils": "AP_beside_foils",
    "AP drop": "AP_drop",
    "fires per image": "foil_fires",
    "objects with a fire": "foil_boxes",
    "fires, asked alone": "foil_fires_alone",
    "objects, asked alone": "foil_boxes_alone",
}
"""Figures of `metrics.foils` that a table shows, by its columns."""


@dataclass(frozen=True)
class SetReport:
    """The figures of one evaluation set."""

    name: str
    figures: Mapping[str, float]  # 0..1
    columns: Sequence[str]  # figures that the table shows
    protocol: str
    images: int
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # percent, by model
    unreadable: Sequence[str] = ()  # why images could not be read, whose objects count as missed
    image_size: Mapping[str, Any] = field(default_factory=dict)  # of `image_size`
    second_count: SecondCount | None = None  # None if there is no other implementation


def reports_of(
    results: Mapping[str, Mapping[str, float]],
    evaluator: Evaluator,
    published: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> list[SetReport]:
    """A report for every evaluated set; `published` figures are by set and model."""
    return [
        SetReport(
            name,
            figures,
            evaluator.sets[name].metric.columns,
            evaluator.sets[name].metric.protocol,
            len(evaluator.sets[name].metric.truth_and_detections()[0].image_ids),
            published.get(name, {}),
            list(evaluator.unreadable[name].reasons.values()),
        )
        for name, figures in results.items()
    ]


def image_size(transform: ResizeFlip, kept: Mapping[str, Any]) -> dict[str, Any]:
    """How large the images of a set are for the model, in pixels, and who says so.

    `kept` is `eval_transform` of the checkpoint, whose sizes are added if others were used.
    """
    used = {"short_side": transform.short_sides[0], "max_side": transform.max_side}
    own = {"short_side": kept["short_sides"][0], "max_side": kept["max_side"]}
    if used == own:
        return {**used, "from": "checkpoint"}
    return {**used, "from": "settings", "checkpoint": own}


def show(reports: Sequence[SetReport], title: str) -> None:
    """Print a table for each protocol: a row for each set, and published figures below it."""
    console = Console()
    console.print(Text(title), soft_wrap=True)
    for columns in dict.fromkeys(tuple(report.columns) for report in reports):
        console.print(_table([r for r in reports if tuple(r.columns) == columns], columns))
    asked = [report for report in reports if "foil_fires" in report.figures]
    if asked:
        console.print(_foils_table(asked))


def _table(reports: Sequence[SetReport], columns: Sequence[str]) -> Table:
    table = Table()
    partial = any(report.unreadable for report in reports)
    for column in ("set", *columns, *(["unreadable images"] if partial else [])):
        table.add_column(Text(column), justify="left" if column == "set" else "right")
    for report in reports:
        percents = [_percent(report.figures.get(name)) for name in columns]
        unreadable = f"{len(report.unreadable)} of {report.images}" if report.unreadable else ""
        table.add_row(Text(report.name), *percents, *([unreadable] if partial else []))
        for model, known in report.published.items():
            cells = ("" if name not in known else f"{known[name]:.1f}" for name in columns)
            table.add_row(Text(f"  published: {model}"), *cells, style="dim")
    return table


def _foils_table(reports: Sequence[SetReport]) -> Table:
    """How often each set's model answers names of absent objects."""
    table = Table(title="foils: names of absent objects")
    for column in ("set", *FOIL_COLUMNS):
        table.add_column(Text(column), justify="left" if column == "set" else "right")
    for report in reports:
        table.add_row(Text(report.name), *foil_cells(report.figures))
    return table


def foil_cells(figures: Mapping[str, float]) -> list[str]:
    """The cells of FOIL_COLUMNS: percent, or a number for each image."""
    return [
        f"{figures[name]:.2f}" if "fires" in name else _percent(figures[name])
        for name in FOIL_COLUMNS.values()
    ]


def _percent(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def write_results(
    reports: Sequence[SetReport], score: float, checkpoint: Path | None, path: Path, key: str = ""
) -> None:
    """Write all figures, and the checkpoint, settings and versions that they were computed with.

    `score` is the mean of the main figures; `key` identifies an equal evaluation (`score_of`).
    """
    content: dict[str, Any] = {
        "key": key,
        "score": _number(score),
        "checkpoint": None,
        "overrides": given_overrides(),
        "versions": {name: version(name) for name in LIBRARIES},
        "sets": {report.name: _entry(report) for report in reports},
    }
    if checkpoint is not None:
        content["checkpoint"] = {"file": str(checkpoint), "sha256": sha256_of(checkpoint)}
    write_json(path, content)
    print(f"all figures: {path}")


def _entry(report: SetReport) -> dict[str, Any]:
    """What results.json says about a set."""
    second = {} if report.second_count is None else {"pycocotools": report.second_count.entry()}
    return {
        "protocol": report.protocol,
        "images": report.images,
        "image_size": dict(report.image_size),
        "unreadable": list(report.unreadable),
        **second,
        "figures": {name: _number(value) for name, value in report.figures.items()},
    }


def _number(value: float) -> float | None:
    """None for NaN, which JSON cannot hold: the figure of a set without ground truth."""
    return None if math.isnan(value) else value


def score_of(path: Path, key: str) -> float | None:
    """The mean of the main figures, if `path` holds the results of the evaluation with this key."""
    try:
        content = read_json(path)
        return float(content["score"]) if content["key"] == key else None
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return None
