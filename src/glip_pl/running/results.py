"""Results as tables for people, and as JSON files for programs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from glip_pl.files.hashing import sha256_of
from glip_pl.files.writing import write_json
from glip_pl.running.settings import given_overrides
from glip_pl.training.evaluation import Evaluation

LIBRARIES = ("glip_pl", "torch", "torchvision", "timm", "transformers", "pytorch-lightning")
"""Whose versions stand beside the figures."""


@dataclass(frozen=True)
class SetReport:
    """The figures of one evaluation set."""

    name: str
    figures: Mapping[str, float]  # 0..1
    columns: Sequence[str]  # figures that the table shows
    protocol: str
    images: int
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # percent, by model


def show(reports: Sequence[SetReport], title: str) -> None:
    """Print a row per set, and the published figures below it; a table for each protocol."""
    console = Console()
    console.print(title, soft_wrap=True)
    for columns in dict.fromkeys(tuple(one.columns) for one in reports):
        table = Table()
        for column in ("set", *columns):
            table.add_column(column, justify="left" if column == "set" else "right")
        for one in reports:
            if tuple(one.columns) == columns:
                table.add_row(one.name, *(_percent(one.figures.get(name)) for name in columns))
                for model, known in one.published.items():
                    cells = ("" if name not in known else f"{known[name]:.1f}" for name in columns)
                    table.add_row(f"  published: {model}", *cells, style="dim")
        console.print(table)


def _percent(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def reports_of(
    results: Mapping[str, Mapping[str, float]],
    evaluations: Mapping[str, Evaluation],
    published: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> list[SetReport]:
    """A report for every set that was evaluated; published figures by set and model."""
    return [
        SetReport(
            name,
            figures,
            evaluations[name].metric.columns,
            evaluations[name].metric.protocol,
            len(evaluations[name].metric.truth_and_detections()[0].image_ids),
            published.get(name, {}),
        )
        for name, figures in results.items()
    ]


def write(
    reports: Sequence[SetReport], score: float, checkpoint: Path | None, path: Path, key: str = ""
) -> None:
    """All figures, with what they were computed by.

    `score` is the mean of the main ones, and `key` tells the same evaluation again.
    """
    content: dict[str, Any] = {
        "key": key,
        "score": _number(score),
        "checkpoint": None,
        "overrides": given_overrides(),
        "versions": {name: version(name) for name in LIBRARIES},
        "sets": {
            one.name: {
                "protocol": one.protocol,
                "images": one.images,
                "figures": {name: _number(value) for name, value in one.figures.items()},
            }
            for one in reports
        },
    }
    if checkpoint is not None:
        content["checkpoint"] = {"file": str(checkpoint), "sha256": sha256_of(checkpoint)}
    write_json(path, content)
    print(f"all numbers: {path}")


def _number(value: float) -> float | None:
    """JSON has no word for "not a number"; null says that there was nothing to find."""
    return None if math.isnan(value) else value


def score_of(path: Path, key: str) -> float | None:
    """The mean of the main figures, if the results of this very evaluation are there."""
    try:
        content = json.loads(path.read_text())
        return float(content["score"]) if content["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
