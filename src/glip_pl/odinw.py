"""What a sweep over the tasks of ODinW comes to; called by Hydra when the sweep ends."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from glip_pl.cli import EXIT_USER_ERROR
from glip_pl.metrics.odinw import average
from glip_pl.settings import compose_settings

DETECTIONS = "detections_task.json"
"""What `evaluate` and `train` call the detections of the set `task` of data=odinw."""

DRAWS = "shots_seed"
"""The setting by which a few pictures are drawn several times."""


class ODinWSummary(Callback):
    """Prints the mean over the tasks, and writes `<title>.json` and `submission.json`.

    Tasks are the folders of the sweep; where a few pictures were drawn several times, a task has a
    folder for each. The command fails if one is missing; the next try does that one alone.
    """

    def __init__(self, title: str, published: dict[str, float]) -> None:
        """`published` are means by model, in percent."""
        self.title = title
        self.published = published

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Gather the results that lie in the folders of the tasks."""
        folder = Path(config.hydra.sweep.dir)
        tasks, draws = _swept(config, "odinw"), _swept(config, DRAWS)
        jobs = {task: [folder / task / draw for draw in draws or [""]] for task in tasks}
        ap = {task: _mean([_ap(job) for job in places]) for task, places in jobs.items()}
        figures = average(ap)
        self._show(ap, figures)
        found = {}  # EvalAI's form: COCO results by official task name, and by draw
        for task, value in ap.items():
            if value is not None:
                each = [json.loads((job / DETECTIONS).read_text()) for job in jobs[task]]
                by_draw = dict(zip(draws, each, strict=True)) if draws else each[0]
                found[_official_name(task)] = by_draw
        content = {"figures": figures, "tasks": ap}
        (folder / f"{self.title}.json").write_text(json.dumps(content, indent=1))
        (folder / "submission.json").write_text(json.dumps(found))
        print(f"all numbers: {folder / self.title}.json\nfor EvalAI: {folder / 'submission.json'}")
        missing = [task for task, value in ap.items() if value is None]
        if missing:
            print(f"error: no result for {', '.join(missing)}: see above", file=sys.stderr)
            sys.exit(EXIT_USER_ERROR)

    def _show(self, ap: dict[str, float | None], figures: dict[str, float]) -> None:
        table = Table(title=self.title)
        table.add_column("task")
        table.add_column("AP", justify="right")
        for task, value in ap.items():
            table.add_row(task, "missing" if value is None else f"{100 * value:.1f}")
        table.add_section()
        done = sum(value is not None for value in ap.values())
        table.add_row(f"mean of {done}", f"{100 * figures['AP']:.1f}")
        table.add_row(f"median of {done}", f"{100 * figures['AP_median']:.1f}")
        for model, value in self.published.items():
            table.add_row(f"  published: {model}", f"{value:.1f}", style="dim")
        Console().print(table)


def _swept(config: DictConfig, key: str) -> list[str]:
    """The values of a setting over the sweep; those of the command line count."""
    values = str(config.hydra.sweeper.params.get(key) or "")
    for override in config.hydra.overrides.task:
        name, _, given = str(override).partition("=")
        values = given if name == key else values
    return [one.strip() for one in values.split(",") if one.strip()]


def _mean(values: Sequence[float | None]) -> float | None:
    """Over the draws of a task; None if one is missing."""
    there = [value for value in values if value is not None]
    return mean(there) if len(there) == len(values) else None


def _ap(folder: Path) -> float | None:
    try:
        found = json.loads((folder / "results.json").read_text())["score"]
    except (OSError, ValueError, KeyError):
        return None
    return None if found is None else float(found)


def _official_name(task: str) -> str:
    return str(compose_settings([f"odinw={task}", "data=odinw"]).data.task.official_name)
