"""One HTML page on how good a model is on a set, with nothing outside it."""

import html
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.truth import Truth
from glip_pl.inspection.browse import document, embedded, photograph
from glip_pl.inspection.charts import plain_label
from glip_pl.inspection.misses import worst_misses
from glip_pl.metrics.average_precision import RECALLS, best_f1, precision_curve
from glip_pl.metrics.base import DetectionMetric
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.metrics.confusion import confusion
from glip_pl.metrics.matching import MatchedDetections, match
from glip_pl.types import SHOWN_SCORE

WORST = 12
"""Pictures."""

SHOWN = 20
"""Categories in plots, those with most boxes; tables have all."""

TABLES = """
table { border-collapse: collapse; background: white; margin: .6em 0 1.5em }
td, th { border: 1px solid #ddd; padding: .25em .6em; text-align: right }
td:first-child, th:first-child { text-align: left }
.wide { overflow-x: auto }
.wide img { max-width: 760px }
"""


def write_page(
    path: Path,
    title: str,
    sets: Mapping[str, EvaluationSet],
    metrics: Mapping[str, DetectionMetric[Any]],
    figures: Mapping[str, Mapping[str, float]],
) -> None:
    """Figures, curves, confusions and the worst pictures of sets of categories, if there is one."""
    parts = [
        part
        for name, metric in metrics.items()
        if isinstance(metric, COCOAveragePrecision)
        for part in _section(name, sets[name], metric, figures[name])
    ]
    if not parts:
        return
    body = f"<h1>{html.escape(title)}</h1>{''.join(parts)}"
    path.write_text(document(title, body, TABLES), encoding="utf-8")
    print(f"report: {path}")


def _section(
    name: str, dataset: EvaluationSet, metric: COCOAveragePrecision, figures: Mapping[str, float]
) -> Iterator[str]:
    truth, found = metric.truth_and_detections()
    matched = match(truth, found, 100)
    yield f"<h2>{html.escape(name)}</h2><p>{html.escape(metric.protocol)}; "
    yield f"{len(truth.image_ids)} images, {len(truth.labels)} boxes.</p>"
    yield _table([*metric.columns], [[_percent(figures[one]) for one in metric.columns]])
    counts = matched.box_counts[0]
    yield "<h3>Categories</h3>"
    yield _table(
        ["category", "boxes", "AP", "AP50", "best threshold", "precision", "recall"],
        [
            [
                category,
                str(counts[number]),
                _percent(figures.get(f"AP/{category}", float("nan"))),
                _percent(float(precision_curve(matched, number).mean())),
                *_threshold(matched, number),
            ]
            for number, category in enumerate(truth.names)
            if counts[number]
        ],
    )
    yield "<p><small>Of all thresholds, the best one has the largest F1 at IoU 0.5.</small></p>"
    most = [int(one) for one in np.argsort(-counts, kind="stable")[:SHOWN] if counts[one]]
    yield "<h3>Precision against recall (IoU 0.5)</h3><div class='wide'>"
    curves = {truth.names[one]: precision_curve(matched, one) for one in most}
    yield _picture_of(_curves(curves)) + "</div>"
    yield f"<h3>Confusion matrix (boxes of score {SHOWN_SCORE} or more)</h3><div class='wide'>"
    yield _confusions(truth, confusion(truth, found), most) + "</div>"
    yield "<h3>Where most was missed</h3><main>"
    for miss in worst_misses(dataset, metric, WORST):
        caption = f"image {miss.image_id}: {miss.missed} missed"
        yield f"<figure>{photograph(miss.picture)}<figcaption>{caption}</figcaption></figure>"
    yield "</main>"


def _threshold(matched: MatchedDetections, category: int) -> tuple[str, str, str]:
    point = best_f1(matched, category)
    if point is None:
        return "", "", ""
    shown = np.floor(100 * point.score) / 100  # not above it: its own box must stay
    return f"{shown:.2f}", _percent(point.precision), _percent(point.recall)


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{100 * value:.1f}"


def _table(head: list[str], body: list[list[str]]) -> str:
    rows = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    rows += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in body]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _curves(curves: Mapping[str, NDArray[np.float64]]) -> Figure:
    figure = Figure(figsize=(7, 4.5), dpi=120, layout="tight")
    axes = figure.subplots()
    for name, precision in curves.items():
        axes.plot(RECALLS, precision, label=plain_label(name))
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    if curves:
        axes.legend(fontsize="small")
    return figure


def _confusions(truth: Truth, matrix: NDArray[np.int64], most: list[int]) -> str:
    """Rows are what is there; darker is a larger part of the row."""
    none = len(truth.names)
    kept = [*most, none]
    names = [*(truth.names[one] for one in most), "nothing"]
    lines = ["<th>there / said</th>" + "".join(f"<th>{html.escape(one)}</th>" for one in names)]
    for row, name in zip(kept, names, strict=True):
        total = max(1, matrix[row].sum())
        cells = "".join(
            f"<td style='background:rgba(30,110,200,{0.8 * matrix[row, column] / total:.2f})'>"
            f"{matrix[row, column] or ''}</td>"
            for column in kept
        )
        lines.append(f"<th>{html.escape(name)}</th>{cells}")
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _picture_of(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return embedded(buffer.getvalue(), "png")
