"""The HTML report of a test: figures, curves, confusion matrix and pictures of each set."""

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.truth import Truth
from glip_pl.errors import some
from glip_pl.files.writing import write_whole
from glip_pl.inference.fonts import plot_fonts
from glip_pl.inspection.charts import plain_label
from glip_pl.inspection.html_page import document, photograph, plot, table, table_of_rows
from glip_pl.inspection.misses import worst_misses
from glip_pl.metrics.average_precision import RECALLS, best_f1, precision_curve
from glip_pl.metrics.base import DetectionMetric
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.metrics.confusion import confusion
from glip_pl.metrics.matching import MatchedDetections, match
from glip_pl.running.results import FOIL_COLUMNS, SetReport, foil_cells
from glip_pl.types import SHOWN_SCORE

MISSES = 12
"""Number of images with missed boxes that the report shows of each set."""

UNREADABLE = 20
"""Number of images that cannot be read that the report names of each set."""

PLOTTED = 20
"""Number of categories in the plot and the confusion matrix, those with most boxes."""

PER_CATEGORY = 100
"""Detections of a category in an image that take part, as in COCO's AP."""

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
    reports: Sequence[SetReport],
    opening: str = "",
) -> None:
    """Write the report of all sets that COCO's AP measures; nothing if there is no such set.

    `reports` have the figures of the `metrics`; `opening` is HTML before the first of them.
    """
    sections = [
        "".join(_section(report, sets[report.name], metric))
        for report in reports
        if isinstance(metric := metrics[report.name], COCOAveragePrecision)
    ]
    if not sections:
        return
    body = f"<h1>{html.escape(title)}</h1>{opening}{''.join(sections)}"
    with write_whole(path) as partial:
        partial.write_text(document(title, body, TABLES), encoding="utf-8")
    print(f"report: {path}")


def _section(
    report: SetReport, dataset: EvaluationSet, metric: COCOAveragePrecision
) -> Iterator[str]:
    """The part of the report on one set."""
    figures = report.figures
    truth, detections = metric.truth_and_detections()
    matched = match(truth, detections, PER_CATEGORY)
    counts = matched.box_counts[0]
    largest = np.argsort(-counts, kind="stable")[:PLOTTED]
    plotted = [int(category) for category in largest if counts[category]]
    yield f"<h2>{html.escape(report.name)}</h2><p>{html.escape(metric.protocol)}; "
    yield f"{len(truth.image_ids)} images, {len(truth.labels)} boxes.</p>"
    if report.unreadable:
        yield f"<p class='error'>{len(report.unreadable)} images cannot be read; their objects "
        yield f"count as missed: {html.escape(some(report.unreadable, UNREADABLE))}</p>"
    yield table(metric.columns, [[_percent(figures[column]) for column in metric.columns]])
    yield "<h3>Categories</h3>"
    yield _category_table(truth, matched, figures)
    yield "<p><small>The best threshold is the one with the largest F1 at IoU 0.5.</small></p>"
    if metric.foils:
        yield from _foils(figures, metric.foils)
    yield "<h3>Precision against recall (IoU 0.5)</h3>"
    curves = {truth.names[category]: precision_curve(matched, category) for category in plotted}
    yield f"<div class='wide'>{plot(_precision_plot(curves))}</div>"
    yield f"<h3>Confusion matrix (boxes of score {SHOWN_SCORE} or more)</h3>"
    matrix = _confusion_table(truth, confusion(truth, detections), plotted)
    yield f"<div class='wide'>{matrix}</div>"
    yield "<h3>Images with the most missed boxes</h3><main>"
    for miss in worst_misses(dataset, metric, MISSES):
        caption = f"{html.escape(miss.name)}: {miss.missed} missed"
        yield f"<figure>{photograph(miss.picture)}<figcaption>{caption}</figcaption></figure>"
    yield "</main>"


def _category_table(truth: Truth, matched: MatchedDetections, figures: Mapping[str, float]) -> str:
    """A row for each category with boxes."""
    counts = matched.box_counts[0]
    rows = [
        [
            name,
            str(counts[category]),
            _percent(figures.get(f"AP/{name}", float("nan"))),
            _percent(float(precision_curve(matched, category).mean())),
            *_best_threshold(matched, category),
        ]
        for category, name in enumerate(truth.names)
        if counts[category]
    ]
    columns = ["category", "boxes", "AP", "AP50", "best threshold", "precision", "recall"]
    return table(columns, rows)


def _foils(figures: Mapping[str, float], foils: Sequence[str]) -> Iterator[str]:
    """How often the model answers names of absent objects, those with most fires first."""
    yield "<h3>Foils: names of absent objects</h3>"
    yield f"<p><small>A fire is a detection of score {SHOWN_SCORE} or more of such a name; an "
    yield "object has one if its box and the fire's overlap by an IoU of 0.5 or more. Foils are "
    yield "asked beside the categories, and alone.</small></p>"
    yield table(list(FOIL_COLUMNS), [foil_cells(figures)])
    order = sorted(foils, key=lambda foil: -figures[f"foil_fires_alone/{foil}"])
    keys = ("foil_fires", "foil_fires_alone")
    rows = [[foil, *(f"{figures[f'{key}/{foil}']:.2f}" for key in keys)] for foil in order]
    yield table(["foil", "fires per image", "asked alone"], rows)


def _best_threshold(matched: MatchedDetections, category: int) -> tuple[str, str, str]:
    """The score threshold with the largest F1, and precision and recall there."""
    point = best_f1(matched, category)
    if point is None:
        return "", "", ""
    rounded_down = np.floor(100 * point.score) / 100  # the box with this very score must pass
    return f"{rounded_down:.2f}", _percent(point.precision), _percent(point.recall)


def _percent(value: float) -> str:
    """A share as percentage; empty for NaN."""
    return "" if np.isnan(value) else f"{100 * value:.1f}"


@plot_fonts()
def _precision_plot(curves: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Precision over recall, a curve per category."""
    figure = Figure(figsize=(7, 4.5), dpi=120, layout="tight")
    axes = figure.subplots()
    for name, precision in curves.items():
        axes.plot(RECALLS, precision, label=plain_label(name))
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    if curves:
        axes.legend(fontsize="small")
    return figure


def _confusion_table(truth: Truth, matrix: NDArray[np.int64], plotted: list[int]) -> str:
    """The confusion matrix of some categories; darker cells are a larger share of their row."""
    background = len(truth.names)
    shown = [*plotted, background]
    names = [*(truth.names[category] for category in plotted), "background"]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = [f"<th>ground truth / detected</th>{head}"]
    for row, name in zip(shown, names, strict=True):
        total = max(1, matrix[row].sum())
        cells = "".join(
            f"<td style='background:rgba(30,110,200,{0.8 * matrix[row, column] / total:.2f})'>"
            f"{matrix[row, column] or ''}</td>"
            for column in shown
        )
        rows.append(f"<th>{html.escape(name)}</th>{cells}")
    return table_of_rows(rows)
