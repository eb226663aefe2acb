"""What a forgetting budget has kept, won and lost: in words, as table, as picture and as JSON."""

import html
from math import isnan
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from glip_pl.files.writing import write_json
from glip_pl.inference.fonts import plot_fonts
from glip_pl.inspection.charts import plain_label
from glip_pl.inspection.html_page import plot, table
from glip_pl.running.forgetting_budget import Choice, Point


def summary(choice: Choice) -> str:
    """The choice in a sentence or two; "lost" is of the retention set that loses most."""
    chosen, tuned = choice.chosen, choice.points[-1]
    reached = (
        f"{chosen.share:g} of the tuned weights: lost {choice.lost(chosen):.1f} points of "
        f"retention, won {choice.won(chosen):.1f} points"
    )
    compared = (
        f"all of the tuned weights lose {choice.lost(tuned):.1f} and win {choice.won(tuned):.1f}"
    )
    if not choice.possible:
        return (
            f"No share keeps the budget of {choice.allowed:g} points but the model before the "
            f"tuning. The nearest is {reached}; {compared}."
        )
    if chosen.share == 0:
        return (
            f"Within the budget of {choice.allowed:g} points no share is better than the model "
            f"before the tuning, which is kept; {compared}."
        )
    return f"Within the budget of {choice.allowed:g} points: {reached}; {compared}."


def section(choice: Choice, tested: Choice) -> str:
    """The part of the report on the choice, in HTML.

    `tested` are the weights before, tuned and chosen on the test sets.
    """
    others = "".join(f", {name} {value:.1f}" for name, value in choice.points[0].retention.items())
    return (
        f"<h2>Forgetting budget</h2><p>{html.escape(summary(choice))}</p>"
        f"<p>Before the tuning: AP {choice.points[0].task:.1f}{html.escape(others)}.</p>"
        f"<h3>Validation, which chose the share</h3>{_table(choice)}"
        f"<div class='wide'>{plot(curve(choice))}</div>"
        f"<h3>Test</h3>{_table(tested)}"
        "<p><small>In points of AP; lost is the retention set that loses most. The test's figures "
        "have chosen nothing, unless its pictures are those of validation.</small></p>"
    )


def _table(choice: Choice) -> str:
    """A row for each share."""
    names = list(choice.points[0].retention)
    head = ["share of the tuned weights", "AP", *names, "kept", "won", "lost", ""]
    rows = [
        [
            f"{point.share:g}",
            f"{point.task:.1f}",
            *(f"{point.retention[name]:.1f}" for name in names),
            _kept(choice, point),
            f"{choice.won(point):+.1f}",
            f"{choice.lost(point):.1f}",
            ", ".join(_remarks(choice, point)),
        ]
        for point in choice.points
    ]
    return table(head, rows)


def _kept(choice: Choice, point: Point) -> str:
    """The smallest share of a retention figure that is left; empty if there was nothing."""
    before = choice.points[0].retention
    kept = [value / before[name] for name, value in point.retention.items() if before[name] > 0]
    return f"{100 * min(kept):.0f} %" if kept else ""


def _remarks(choice: Choice, point: Point) -> list[str]:
    over = [] if choice.keeps(point) else ["over the budget"]
    return [*(["chosen"] if point.share == choice.chosen.share else []), *over]


@plot_fonts()
def curve(choice: Choice) -> Figure:
    """Task and retention over the share of the tuned weights, with the budget and the choice."""
    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    shares = [point.share for point in choice.points]
    axes.plot(shares, [point.task for point in choice.points], marker="o", label="AP of the task")
    for name, before in choice.points[0].retention.items():
        values = [point.retention[name] for point in choice.points]
        (line,) = axes.plot(shares, values, marker="s", label=plain_label(name))
        axes.axhline(before - choice.allowed, linestyle=":", color=line.get_color())
    axes.axvline(choice.chosen.share, color="grey", label="chosen")
    axes.set(xlabel="share of the tuned weights", ylabel="AP (dotted: the budget)", ylim=(0, None))
    figure.legend(loc="outside right upper", fontsize="small")
    return figure


def write_choice(choice: Choice, tested: Choice, path: Path) -> None:
    """Write the whole curve, the choice and what was tested as JSON, in points."""
    entry = {
        "forget_at_most": choice.allowed,
        "possible": choice.possible,
        "share": choice.chosen.share,
        "validation": _entries(choice),
        "test": _entries(tested),
    }
    write_json(path, entry)


def _entries(choice: Choice) -> list[dict[str, Any]]:
    """The points of a choice as JSON holds them."""
    return [
        {
            "share": point.share,
            "AP": None if isnan(point.task) else point.task,
            "retention": dict(point.retention),
            "lost": choice.lost(point),
        }
        for point in choice.points
    ]
