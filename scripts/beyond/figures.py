"""Figures of one measurement, kept in a file for each seed, and their table."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from glip_pl.inspection.sweeps import spread

BCCD = Path(os.environ.get("GLIP_BCCD", "data/bccd"))
"""Blood cells (https://github.com/Shenggan/BCCD_Dataset) as COCO JSON for train, val, test."""

SHAPES_WORLD = Path(os.environ.get("GLIP_DATA", "data"), "shapes")
"""ShapesWorld, which the first training makes if it is not there."""

Figures = Mapping[str, float]
"""Values in points or as counts, by what they are."""

Arm = Callable[[Path, int], Figures]
"""Trains or evaluates in a folder with a seed; returns what was measured."""


class Measurement(NamedTuple):
    """What is compared, and the arms of the comparison by name."""

    title: str
    arms: Mapping[str, Arm]


def measure(measurement: Measurement, folder: Path, seeds: Sequence[int]) -> str:
    """A table in Markdown: a row for each arm, mean and deviation over the seeds of each figure.

    Arms with figures in `folder` are not run again.
    """
    rows = {
        name: [_figures(arm, folder / f"seed_{seed}" / name, seed) for seed in seeds]
        for name, arm in measurement.arms.items()
    }
    names = list(dict.fromkeys(key for runs in rows.values() for run in runs for key in run))
    lines = [f"| {measurement.title} | {' | '.join(names)} |", "| --- " * (len(names) + 1) + "|"]
    for arm, runs in rows.items():
        cells = [
            spread([run[name] for run in runs]) if all(name in run for run in runs) else "-"
            for name in names
        ]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _figures(arm: Arm, folder: Path, seed: int) -> Figures:
    path = folder / "figures.json"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        start = monotonic()
        figures = {**arm(folder, seed), "minutes": (monotonic() - start) / 60}
        path.write_text(json.dumps(figures, indent=1))
    found: Figures = json.loads(path.read_text())
    return found


def run(command: str, *settings: str) -> None:
    """Run a command of the package in a process of its own. Raises CalledProcessError."""
    print(f"== glip-pl {command} {' '.join(settings)}", flush=True)
    subprocess.run([sys.executable, "-m", f"glip_pl.{command}", *settings], check=True)
