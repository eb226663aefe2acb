"""Plots of reports."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

COLOURS = 10
"""Of lines, before they begin again with another marker."""

MARKERS = "os^D"


def plain_label(name: str) -> str:
    """A legend's entry of any name: matplotlib hides those from "_" on and sets "$" as formulas."""
    return f" {name}".replace("$", r"\$")


def lines(
    values: Mapping[str, Sequence[float]],
    places: Sequence[str],
    axis: str,
    title: str,
    deviations: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """A line per name over places at equal distances; nan leaves a gap."""
    figure = Figure(figsize=(7, 4.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for number, (name, heights) in enumerate(values.items()):
        marker = MARKERS[number // COLOURS % len(MARKERS)]
        spread = None if deviations is None else deviations[name]
        axes.errorbar(
            range(len(places)), heights, spread, marker=marker, capsize=3, label=plain_label(name)
        )
    axes.set_xticks(range(len(places)), places)
    axes.set_xlabel(axis)
    axes.set_ylabel(title)
    # Beside the plot: inside it would hide points.
    figure.legend(loc="outside right upper", fontsize="small")
    return figure
