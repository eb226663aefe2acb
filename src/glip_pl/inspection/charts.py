"""Plots of figures that runs have reached."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from glip_pl.inference.fonts import plot_fonts

COLOURS = 10
"""Number of colours in matplotlib's cycle; lines beyond it repeat them with another marker."""

MARKERS = "os^D"
"""Markers of lines, in matplotlib's letters."""


def plain_label(name: str) -> str:
    """A name as it appears in a legend: without a hidden leading "_" and without formulas."""
    return f" {without_formulas(name)}"


def without_formulas(text: str) -> str:
    """A text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


@plot_fonts()
def line_plot(
    values: Mapping[str, Sequence[float]],
    ticks: Sequence[str],
    x_label: str,
    y_label: str,
    deviations: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """A line per name of `values` over evenly spaced ticks; NaN leaves a gap.

    `deviations` are the lengths of error bars.
    """
    figure = Figure(figsize=(7, 4.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for number, (name, heights) in enumerate(values.items()):
        marker = MARKERS[number // COLOURS % len(MARKERS)]
        error_bars = None if deviations is None else deviations[name]
        axes.errorbar(
            range(len(ticks)), heights, error_bars, marker=marker, capsize=3,
            label=plain_label(name),
        )  # fmt: skip
    axes.set_xticks(range(len(ticks)), [without_formulas(tick) for tick in ticks])
    axes.set_xlabel(without_formulas(x_label))
    axes.set_ylabel(without_formulas(y_label))
    # Beside the plot, where it hides no points.
    figure.legend(loc="outside right upper", fontsize="small")
    return figure
