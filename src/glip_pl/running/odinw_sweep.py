"""The summary of a sweep over the tasks of ODinW, which Hydra calls when the sweep ends."""

import json
import sys
from collections.abc import Mapping, Sequence
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
from rich.text import Text

from glip_pl.files.reading import read_json, read_own
from glip_pl.files.writing import write_json, write_whole
from glip_pl.metrics.odinw import average
from glip_pl.running.cli import EXIT_USER_ERROR
from glip_pl.running.settings import compose_settings

RESULTS = "results.json"
DETECTIONS = "detections_task.json"
"""Name of the file in which `evaluate` and `train` write the detections of data=odinw."""


class ODinWSummary(Callback):
    """Prints the mean over the tasks, and writes `<title>.json` and `submission.json`.

    The results of each task are in a folder of its name below the sweep's folder (or below the
    tuning's folder in it); if few-shot pictures are drawn several times, in a folder per draw. The
    command fails if a task has no results; running it again runs only that task.
    """

    def __init__(
        self, title: str, published: dict[str, float], tuned: bool = False, draws: str | None = None
    ) -> None:
        """`published` are means in percent, by model.

        `tuned` means that the tasks are in a folder for the tuning; `draws` is the setting whose
        values draw different pictures.
        """
        self.title = title
        self.published = published
        self.tuned = tuned
        self.draws = draws
        self.earlier: dict[Path, int] = {}  # times at which results of earlier sweeps were written

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note which results exist: the jobs of this sweep write theirs, or renew their time."""
        for key, values in _swept_values(config).items():
            if len(values) > 1 and key not in ("odinw", self.draws):
                print(
                    f"error: {key} has several values, and {self.title} is one mean: run it once "
                    "for each value",
                    file=sys.stderr,
                )
                sys.exit(EXIT_USER_ERROR)
        folder = Path(config.hydra.sweep.dir)
        self.earlier = {path: path.stat().st_mtime_ns for path in folder.rglob(RESULTS)}

    @rank_zero_only
    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Summarise the results of this sweep."""
        values = _swept_values(config)
        folder = Path(config.hydra.sweep.dir)
        if self.tuned:
            folder /= config.hydra.runtime.choices["tuning"]
            folder.mkdir(exist_ok=True)
        draws = values.get(self.draws or "", [])
        jobs = {task: [folder / task / draw for draw in draws or [""]] for task in values["odinw"]}
        ap = {task: _mean([self._ap(job) for job in folders]) for task, folders in jobs.items()}
        figures = average(ap)
        self._show(ap, figures)
        finished = {task: folders for task, folders in jobs.items() if ap[task] is not None}
        summary, submission = folder / f"{self.title}.json", folder / "submission.json"
        write_json(summary, {"figures": figures, "tasks": ap})
        with write_whole(submission) as partial:
            partial.write_text(json.dumps(_submission(finished, draws)), encoding="utf-8")
        print(f"all figures: {summary}\nfor EvalAI: {submission}")
        missing = [task for task, value in ap.items() if value is None]
        if missing:
            print(f"error: no result for {', '.join(missing)}: see above", file=sys.stderr)
            sys.exit(EXIT_USER_ERROR)

    def _ap(self, folder: Path) -> float | None:
        """The AP of a job of this sweep; None if it failed, even if older results exist."""
        path = folder / RESULTS
        try:
            if path.stat().st_mtime_ns == self.earlier.get(path):
                return None
            score = read_json(path)["score"]
            return None if score is None else float(score)
        except (OSError, ValueError, LookupError, TypeError, OverflowError):
            return None

    def _show(self, ap: dict[str, float | None], figures: dict[str, float]) -> None:
        table = Table(title=Text(self.title))
        table.add_column("task")
        table.add_column("AP", justify="right")
        for task, value in ap.items():
            table.add_row(Text(task), "missing" if value is None else f"{100 * value:.1f}")
        table.add_section()
        done = sum(value is not None for value in ap.values())
        table.add_row(f"mean of {done}", f"{100 * figures['AP']:.1f}")
        table.add_row(f"median of {done}", f"{100 * figures['AP_median']:.1f}")
        for model, value in self.published.items():
            table.add_row(Text(f"  published: {model}"), f"{value:.1f}", style="dim")
        Console().print(table)


def _swept_values(config: DictConfig) -> dict[str, list[str]]:
    """The values of every setting of a sweep; the command line overrides the sweeper's params."""
    words = [f"{key}={values}" for key, values in config.hydra.sweeper.params.items()]
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    return {
        override.key_or_group: [str(value) for value in override.sweep_string_iterator()]
        if override.is_sweep_override()
        else [override.get_value_element_as_str()]
        for override in parser.parse_overrides([*words, *config.hydra.overrides.task])
    }


def _submission(jobs: Mapping[str, Sequence[Path]], draws: Sequence[str]) -> dict[str, Any]:
    """EvalAI's form: COCO results by official task name, and by draw if there are any."""
    submission = {}
    for task, folders in jobs.items():
        remedy = "remove its folder, and the same command evaluates this task again"
        detections = [read_own(folder / DETECTIONS, list, remedy) for folder in folders]
        by_draw = dict(zip(draws, detections, strict=True)) if draws else detections[0]
        submission[_official_name(task)] = by_draw
    return submission


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean over the draws of a task; None if a draw has no result."""
    known = [value for value in values if value is not None]
    return mean(known) if len(known) == len(values) else None


def _official_name(task: str) -> str:
    return str(compose_settings([f"odinw={task}", "data=odinw"]).data.task.official_name)
