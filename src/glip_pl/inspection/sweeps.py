"""The runs of a sweep as one table: what varied, and what it led to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from statistics import mean, stdev

import yaml

from glip_pl.errors import UserError

FULL = "full"
"""What `shots` is when all pictures are used."""


@dataclass(frozen=True)
class Run:
    """One finished run."""

    folder: Path
    overrides: Mapping[str, str]  # settings of its command line
    figures: Mapping[str, Mapping[str, float | None]]  # 0..1, by evaluation set


@dataclass(frozen=True)
class Row:
    """Runs that differ in what is pooled only, such as their seed."""

    factors: Mapping[str, str]
    values: Sequence[float]  # percent

    @property
    def mean(self) -> float:
        """Over the runs."""
        return mean(self.values)

    @property
    def deviation(self) -> float:
        """Between the runs; nan for one."""
        return deviation(self.values)


def spread(values: Sequence[float]) -> str:
    """Mean and deviation for people; the mean alone of a single value."""
    between = f" ± {deviation(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{between}"


def deviation(values: Sequence[float]) -> float:
    """Between values; nan for one, or if one of them is no number."""
    if len(values) < 2 or any(isnan(value) for value in values):
        return nan
    return stdev(values)


def read_runs(folder: Path) -> tuple[list[Run], list[Path]]:
    """Finished runs below a sweep's folder, and the folders of the others.

    Raises UserError if there is none.
    """
    runs, unfinished = [], []
    for path in sorted(folder.glob("**/.hydra/overrides.yaml"), key=_number):
        place = path.parent.parent
        try:
            content = json.loads((place / "results.json").read_text())
            figures = {name: one["figures"] for name, one in content["sets"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            unfinished.append(place)
            continue
        # Hydra's file is of the last try in this folder, which may have been refused.
        words = content.get("overrides") or yaml.safe_load(path.read_text()) or []
        given = dict(str(word).lstrip("+~").split("=", 1) for word in words if "=" in str(word))
        runs.append(Run(place, given, figures))
    if not runs:
        raise UserError(
            f"{folder} holds no finished run of a sweep (train -m ...): give its folder, "
            "sweep=runs/sweeps/<date>"
        )
    return runs, unfinished


def _number(path: Path) -> tuple[int, str]:
    name = path.parent.parent.name
    return (int(name) if name.isdigit() else -1, name)


def varied(runs: Sequence[Run], pooled: Sequence[str]) -> list[str]:
    """Settings that are not the same in all runs, but for the pooled ones."""
    keys = dict.fromkeys(key for run in runs for key in run.overrides)
    return [
        key
        for key in keys
        if key not in pooled and len({run.overrides.get(key) for run in runs}) > 1
    ]


def determined(found: Sequence[Row], axis: str) -> dict[str, dict[str, str]]:
    """{factor: {place on the axis: value}} of factors that follow from the axis."""
    known: dict[str, dict[str, str]] = {}
    for key in found[0].factors:
        pairs = {(row.factors.get(axis, ""), row.factors[key]) for row in found}
        if key != axis and len(pairs) == len(dict(pairs)):
            known[key] = dict(pairs)
    return known


def rows(runs: Sequence[Run], name: str, figure: str, pooled: Sequence[str]) -> list[Row]:
    """One row per combination of what varied, in the runs' order.

    Raises UserError if a run was not evaluated on the set or has no such figure.
    """
    factors = varied(runs, pooled)
    values: dict[tuple[str, ...], list[float]] = {}
    for run in runs:
        known = run.figures.get(name, {})
        if figure not in known:
            sets = ", ".join(f"{one} ({', '.join(run.figures[one])})" for one in run.figures)
            raise UserError(f"{run.folder} has no figure {name}/{figure}; it has: {sets}")
        value = known[figure]
        combination = tuple(run.overrides.get(key, "") for key in factors)
        values.setdefault(combination, []).append(float("nan") if value is None else 100 * value)
    return [
        Row(dict(zip(factors, combination, strict=True)), found)
        for combination, found in values.items()
    ]
