"""A sweep as a table and a plot: `python -m glip_pl.gather sweep=runs/sweeps/<date>`."""

import csv
import re
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

from glip_pl.files.writing import write_whole
from glip_pl.inspection.charts import line_plot
from glip_pl.inspection.sweeps import (
    FULL,
    Row,
    dependent_factors,
    pooled_rows,
    read_runs,
    spread,
)
from glip_pl.running.cli import command
from glip_pl.running.outputs import check_file


def gather(config: DictConfig) -> None:
    """Print mean and deviation over seeds; write gather.csv and gather.png to its folder.

    Raises UserError if the sweep has no finished run, or if a run lacks the figure.
    """
    folder = Path(config.sweep).expanduser()
    for name in ("gather.csv", "gather.png"):
        check_file(folder / name, "sweep")
    runs, unfinished = read_runs(folder)
    set_name = config.set or next(iter(runs[0].figures))
    rows = pooled_rows(runs, set_name, config.figure, list(config.pooled))
    title = f"{set_name}/{config.figure}"
    _show(rows, title)
    _write_csv(rows, folder / "gather.csv")
    _plot(rows, config.axis, title, folder / "gather.png")
    print(f"table and plot: {folder}/gather.csv and gather.png")
    if unfinished:
        print(f"without results: {', '.join(str(run_folder) for run_folder in unfinished)}")


def _show(rows: Sequence[Row], title: str) -> None:
    """Print the rows as a table."""
    table = Table()
    for header in (*rows[0].factors, title, "runs"):
        table.add_column(Text(header))  # names may look like rich's markup
    for row in rows:
        table.add_row(*map(Text, row.factors.values()), spread(row.values), str(len(row.values)))
    Console().print(table)


def _write_csv(rows: Sequence[Row], path: Path) -> None:
    with write_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = [*map(_no_formula, rows[0].factors), "mean", "deviation", "runs", "values"]
        writer.writerow(head)
        for row in rows:
            values = " ".join(f"{value:.4f}" for value in row.values)
            figures = [row.mean, row.deviation, len(row.values), values]
            writer.writerow([*map(_no_formula, row.factors.values()), *figures])


def _no_formula(text: str) -> str:
    """A text that spreadsheets do not take for a formula: "'" marks it as a text."""
    is_number = re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", text, re.I) is not None
    is_formula = text.startswith(("=", "+", "-", "@", "\t", "\r")) and not is_number
    return f"'{text}" if is_formula else text


def _plot(rows: Sequence[Row], axis: str, title: str, path: Path) -> None:
    """A line for each combination of the other factors, as in the paper's data-efficiency figure.

    Factors that follow from the axis, such as fewer epochs with more pictures, are written below
    the ticks.
    """
    dependent = dependent_factors(rows, axis)
    axis_values = sorted({row.factors.get(axis, "") for row in rows}, key=_sort_key)
    means: dict[str, list[float]] = {}
    deviations: dict[str, list[float]] = {}
    for row in rows:
        line = _line_name(row, axis, dependent) or title
        position = axis_values.index(row.factors.get(axis, ""))
        means.setdefault(line, [nan] * len(axis_values))[position] = row.mean
        deviations.setdefault(line, [0.0] * len(axis_values))[position] = row.deviation
    ticks = [_tick(axis_value, dependent) for axis_value in axis_values]
    figure = line_plot(means, ticks, axis, title, deviations)
    with write_whole(path) as partial:
        figure.savefig(partial, format="png")


def _line_name(row: Row, axis: str, dependent: Mapping[str, Mapping[str, str]]) -> str:
    """The values of all factors but the axis and those that follow from it."""
    return ", ".join(
        value for key, value in row.factors.items() if key != axis and key not in dependent
    )


def _tick(axis_value: str, dependent: Mapping[str, Mapping[str, str]]) -> str:
    """A value on the axis, and below it the factors that follow from it."""
    following = [
        f"{factor.rpartition('.')[2]}={values[axis_value]}" for factor, values in dependent.items()
    ]
    return "\n".join([axis_value, *following])


def _sort_key(axis_value: str) -> tuple[float, str]:
    """Numbers in numerical order, then other values in alphabetical order, "full" last."""
    try:
        return float(axis_value), ""
    except ValueError:
        return float("inf"), "~" if axis_value == FULL else axis_value


main = command("gather", output="sweep")(gather)

if __name__ == "__main__":
    main()
