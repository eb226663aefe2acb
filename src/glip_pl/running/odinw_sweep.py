"""What a sweep over the tasks of ODinW comes to; called by Hydra when the sweep ends."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table

from glip_pl.metrics.odinw import average
from glip_pl.running.cli import EXIT_USER_ERROR
from glip_pl.running.settings import compose_settings

RESULTS = "results.json"
DETECTIONS = "detections_task.json"
"""What `evaluate` and `train` call the detections of the set `task` of data=odinw."""


class ODinWSummary(Callback):
    """Prints the mean over the tasks, and writes `<title>.json` and `submission.json`.

    Tasks are the folders of the sweep, below the one of the tuning; where a few pictures were drawn
    several times, a task has a folder for each. The command fails if one is missing; the next try
    does that one alone.
    """

    def __init__(
        self, title: str, published: dict[str, float], tuned: bool = False, draws: str | None = None
    ) -> None:
        """`published` are means by model, in percent.

        Jobs that `tuned` have a folder by their tuning; `draws` is the setting that draws pictures.
        """
        self.title = title
        self.published = published
        self.tuned = tuned
        self.draws = draws
        self.before: dict[Path, int] = {}

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember which results were there: jobs that vouch for theirs write or touch them."""
        for key, values in _asked(config).items():
            if len(values) > 1 and key not in ("odinw", self.draws):
                print(
                    f"error: {key} has several values, and {self.title} is one mean: run it once "
                    "for each",
                    file=sys.stderr,
                )
                sys.exit(EXIT_USER_ERROR)
        folder = Path(config.hydra.sweep.dir)
        self.before = {path: path.stat().st_mtime_ns for path in folder.rglob(RESULTS)}

    @rank_zero_only
    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Gather the results of the jobs of this sweep."""
        asked = _asked(config)
        folder = Path(config.hydra.sweep.dir)
        if self.tuned:
            folder /= config.hydra.runtime.choices["tuning"]
            folder.mkdir(exist_ok=True)
        draws = asked.get(self.draws or "", [])
        jobs = {task: [folder / task / draw for draw in draws or [""]] for task in asked["odinw"]}
        ap = {task: _mean([self._ap(job) for job in places]) for task, places in jobs.items()}
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

    def _ap(self, folder: Path) -> float | None:
        """What a job has found; None if it failed, whatever an older one has left there."""
        path = folder / RESULTS
        try:
            if path.stat().st_mtime_ns == self.before.get(path):
                return None
            found = json.loads(path.read_text())["score"]
        except (OSError, ValueError, KeyError):
            return None
        return None if found is None else float(found)

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


def _asked(config: DictConfig) -> dict[str, list[str]]:
    """The values over the sweep of every setting that was given; the command line's count."""
    words = [f"{key}={values}" for key, values in config.hydra.sweeper.params.items()]
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    return {
        one.key_or_group: [str(value) for value in one.sweep_string_iterator()]
        if one.is_sweep_override()
        else [one.get_value_element_as_str()]
        for one in parser.parse_overrides([*words, *config.hydra.overrides.task])
    }


def _mean(values: Sequence[float | None]) -> float | None:
    """Over the draws of a task; None if one is missing."""
    there = [value for value in values if value is not None]
    return mean(there) if len(there) == len(values) else None


def _official_name(task: str) -> str:
    return str(compose_settings([f"odinw={task}", "data=odinw"]).data.task.official_name)
