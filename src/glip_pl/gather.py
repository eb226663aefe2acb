"""A sweep as one table and one plot: `python -m glip_pl.gather sweep=runs/sweeps/<date>`."""

import csv
from collections.abc import Sequence
from math import nan
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from glip_pl.inspection.charts import lines
from glip_pl.inspection.sweeps import FULL, Row, determined, read_runs, rows, spread
from glip_pl.running.cli import command


def gather(config: DictConfig) -> None:
    """Print mean and deviation over seeds; write gather.csv and gather.png into the sweep."""
    folder = Path(config.sweep).expanduser()
    runs, unfinished = read_runs(folder)
    name = config.set or next(iter(runs[0].figures))
    found = rows(runs, name, config.figure, list(config.pooled))
    title = f"{name}/{config.figure}"
    factors = list(found[0].factors)
    table = Table(*factors, title, "runs")
    for row in found:
        table.add_row(*map(escape, row.factors.values()), spread(row.values), str(len(row.values)))
    Console().print(table)
    with (folder / "gather.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*factors, "mean", "deviation", "runs", "values"])
        for row in found:
            values = " ".join(f"{value:.4f}" for value in row.values)
            writer.writerow(
                [*row.factors.values(), row.mean, row.deviation, len(row.values), values]
            )
    _plot(found, config.axis, title, folder / "gather.png")
    print(f"table and plot: {folder}/gather.csv and gather.png")
    if unfinished:
        print(f"without results: {', '.join(str(place) for place in unfinished)}")


def _plot(found: Sequence[Row], axis: str, title: str, path: Path) -> None:
    """A line per combination of the other factors; the paper's figure of data efficiency.

    Factors that follow from the axis, such as fewer epochs with more pictures, stand below it.
    """
    below = determined(found, axis)
    places = sorted({row.factors.get(axis, "") for row in found}, key=_size)
    heights: dict[str, list[float]] = {}
    spreads: dict[str, list[float]] = {}
    for row in found:
        others = [value for key, value in row.factors.items() if key != axis and key not in below]
        name = ", ".join(others) or title
        place = places.index(row.factors.get(axis, ""))
        heights.setdefault(name, [nan] * len(places))[place] = row.mean
        spreads.setdefault(name, [0.0] * len(places))[place] = row.deviation
    ticks = [
        "\n".join(
            [place, *(f"{key.rpartition('.')[2]}={known[place]}" for key, known in below.items())]
        )
        for place in places
    ]
    lines(heights, ticks, axis, title, spreads).savefig(path)


def _size(place: str) -> tuple[float, str]:
    """Numbers in their order, everything after them."""
    try:
        return float(place), ""
    except ValueError:
        return float("inf"), "~" if place == FULL else place


main = command("gather")(gather)

if __name__ == "__main__":
    main()
