"""The finished runs of a sweep as one table: the settings that varied, and a figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from glip_pl.errors import UserError
from glip_pl.files.reading import read_json

DAMAGE = (
    *(OSError, yaml.YAMLError, ValueError, LookupError),
    *(TypeError, AttributeError, OverflowError, RecursionError),
)
"""Errors that reading a damaged results.json or overrides.yaml raises."""

FULL = "full"
"""Value of the setting `shots` when all pictures are used."""


@dataclass(frozen=True)
class Run:
    """A finished run of a sweep."""

    folder: Path
    overrides: Mapping[str, str]  # settings on its command line
    figures: Mapping[str, Mapping[str, float | None]]  # in 0..1, by evaluation set and name


@dataclass(frozen=True)
class Row:
    """Runs that differ only in pooled settings, such as the seed."""

    factors: Mapping[str, str]  # values of the settings that varied
    values: Sequence[float]  # the figure of each run, in percent

    @property
    def mean(self) -> float:
        """Mean over the runs."""
        return mean(self.values)

    @property
    def deviation(self) -> float:
        """Standard deviation over the runs; NaN for a single run."""
        return deviation(self.values)


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation as text; only the mean of a single value."""
    shown_deviation = f" ± {deviation(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{shown_deviation}"


def deviation(values: Sequence[float]) -> float:
    """Standard deviation; NaN for a single value, or if a value is NaN."""
    if len(values) < 2 or any(isnan(value) for value in values):
        return nan
    return stdev(values)


def read_runs(folder: Path) -> tuple[list[Run], list[Path]]:
    """The finished runs below a sweep's folder, and the folders of unfinished ones.

    Raises UserError if there is no finished run.
    """
    runs, unfinished = [], []
    for overrides_file in sorted(folder.glob("**/.hydra/overrides.yaml"), key=_number):
        run_folder = overrides_file.parent.parent
        try:
            results = read_json(run_folder / "results.json")
            overrides = _overrides(results, overrides_file)
            runs.append(Run(run_folder, overrides, _figures(results)))
        except DAMAGE:  # or there are no results yet
            unfinished.append(run_folder)
    if not runs:
        raise UserError(
            f"{folder} holds no finished run of a sweep (train -m ...): give its folder, "
            "sweep=runs/sweeps/<date>"
        )
    return runs, unfinished


def _figures(results: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """The figures of every evaluation set. Raises one of DAMAGE if they are no numbers."""
    return {
        name: {key: None if value is None else float(value) for key, value in figures.items()}
        for name, figures in ((name, of_set["figures"]) for name, of_set in results["sets"].items())
    }


def _overrides(results: Mapping[str, Any], overrides_file: Path) -> dict[str, str]:
    """The overrides that led to the results, by setting."""
    # Hydra's file has those of the last command in this folder, which may have been refused.
    overrides = results.get("overrides") or yaml.safe_load(overrides_file.read_bytes()) or []
    assignments = [str(override) for override in overrides if "=" in str(override)]
    return dict(assignment.lstrip("+~").split("=", 1) for assignment in assignments)


def _number(overrides_file: Path) -> tuple[int, str]:
    """Sort key: folders of Hydra's job numbers in numerical order, after those of other names."""
    name = overrides_file.parent.parent.name
    return (int(name) if name.isdigit() else -1, name)


def varied(runs: Sequence[Run], pooled: Sequence[str]) -> list[str]:
    """Settings that differ between the runs, except for the pooled ones."""
    keys = dict.fromkeys(key for run in runs for key in run.overrides)
    return [
        key
        for key in keys
        if key not in pooled and len({run.overrides.get(key) for run in runs}) > 1
    ]


def dependent_factors(rows: Sequence[Row], axis: str) -> dict[str, dict[str, str]]:
    """Factors whose value follows from the value of the setting `axis`.

    Returns {factor: {value of axis: value of factor}}.
    """
    dependent: dict[str, dict[str, str]] = {}
    for factor in rows[0].factors:
        pairs = {(row.factors.get(axis, ""), row.factors[factor]) for row in rows}
        if factor != axis and len(pairs) == len(dict(pairs)):
            dependent[factor] = dict(pairs)
    return dependent


def pooled_rows(
    runs: Sequence[Run], set_name: str, figure: str, pooled: Sequence[str]
) -> list[Row]:
    """A row for each combination of the settings that varied, in the order of the runs.

    Raises UserError if a run was not evaluated on the set or has no such figure.
    """
    factors = varied(runs, pooled)
    values: dict[tuple[str, ...], list[float]] = {}
    for run in runs:
        figures = run.figures.get(set_name, {})
        if figure not in figures:
            available = ", ".join(
                f"{name} ({', '.join(of_set)})" for name, of_set in run.figures.items()
            )
            raise UserError(f"{run.folder} has no figure {set_name}/{figure}; it has: {available}")
        value = figures[figure]
        combination = tuple(run.overrides.get(factor, "") for factor in factors)
        values.setdefault(combination, []).append(nan if value is None else 100 * value)
    return [
        Row(dict(zip(factors, combination, strict=True)), of_combination)
        for combination, of_combination in values.items()
    ]
