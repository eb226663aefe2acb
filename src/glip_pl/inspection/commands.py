"""Inspect data before training: `python -m glip_pl.data check|stats|browse|convert data=<name>`."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.errors import UserError
from glip_pl.files.writing import write_whole
from glip_pl.inspection.browse import page
from glip_pl.inspection.check import Finding, check
from glip_pl.inspection.export import write_odvg, write_shards
from glip_pl.inspection.named_set import NamedSet, some_rows
from glip_pl.inspection.stats import stats
from glip_pl.running.cli import EXIT_USER_ERROR, command
from glip_pl.terminal.progress import with_progress

SHOWN_CATEGORIES = 10
"""Most frequent categories in the printed table; stats.json has all."""


def configured_sets(config: DictConfig) -> list[NamedSet]:
    """The sets of `data=` that the setting `sets` names; of sets with one source only the first.

    Raises UserError if `sets` names an unknown set, or if there is no set at all.
    """
    if config.data.get("prepare") is not None:
        instantiate(config.data.prepare)
    nodes = {
        f"{group}/{key}": node
        for group in ("train", "val", "test")
        for key, node in (config.data.get(group) or {}).items()
    }
    sets: list[NamedSet] = []
    for name, node in nodes.items():
        if node is None or (config.sets is not None and name not in config.sets):
            continue
        named_set = _named_set(name, node.dataset if name.startswith("train/") else node)
        if not any(named_set.reader == other.reader for other in sets):
            sets.append(named_set)
    missing = set(config.sets or ()) - set(nodes)
    if missing or not sets:
        unknown = ", ".join(missing) or config.sets
        raise UserError(f"no such set: {unknown}; data= configures {list(nodes)}")
    return sets


def _named_set(name: str, node: DictConfig) -> NamedSet:
    """A set from its settings."""
    return NamedSet(
        name,
        instantiate(node.reader, _convert_="all"),
        node.out_of_image,
        node.get("tolerate", 0.0),
        instantiate(node.get("box_filter")),
        instantiate(node.get("wordings"), _convert_="all"),
        node.exif,
    )


def _sets_with_indexes(config: DictConfig) -> list[tuple[NamedSet, Index]]:
    folder = Path(config.paths.index)
    return [
        (
            named_set,
            open_index(named_set.reader, folder, named_set.out_of_image, named_set.tolerate),
        )
        for named_set in configured_sets(config)
    ]


def run_check(config: DictConfig) -> None:
    """Print all problems of each set; exit with code 1 if a set has more than it tolerates."""
    tokenizer = instantiate(config.tokenizer)
    with _silenced("glip_pl.data.problems"):  # the findings list all problems
        findings = [
            check(named_set, tokenizer, config.check.pictures, config.check.ap_images)
            for named_set in configured_sets(config)
        ]
    for finding in findings:
        _show(finding)
    report = {finding.name: _report(finding) for finding in findings}
    print(f"full report: {_write(config, 'check.json', json.dumps(report, indent=1))}")
    if not all(finding.passed for finding in findings):
        sys.exit(1)


@contextmanager
def _silenced(logger_name: str) -> Iterator[None]:
    """Only errors of this logger are shown inside the block."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _show(finding: Finding) -> None:
    """Print whether a set passed, and its problems with examples."""
    verdict = "ok" if finding.passed else "NOT OK"
    ap = finding.ground_truth_ap
    shown_ap = "" if ap is None else f", ground truth AP {ap:.4f}"
    print(f"{finding.name}: {verdict}; {finding.images} images, {finding.boxes} boxes{shown_ap}")
    for kind, count in sorted(finding.problems.counts.items()):
        print(f"  {count} x {kind}, for instance")
        for example in finding.problems.examples[kind]:
            print(f"    {example}")


def _report(finding: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    return {
        "passed": finding.passed,
        "images": finding.images,
        "boxes": finding.boxes,
        "ground_truth_ap": finding.ground_truth_ap,
        "counts": finding.problems.counts,
        "examples": finding.problems.examples,
    }


def run_stats(config: DictConfig) -> None:
    """Print a table of statistics for each set."""
    statistics = {
        named_set.name: stats(index, named_set.box_filter)
        for named_set, index in _sets_with_indexes(config)
    }
    for name, values in statistics.items():
        table = Table(title=Text(name), show_header=False)
        for key, value in values.items():
            shown = _shown_counts(value) if isinstance(value, dict) else str(value)
            table.add_row(key, Text(shown))  # names may look like rich's markup
        Console().print(table)
    print(f"all statistics: {_write(config, 'stats.json', json.dumps(statistics, indent=1))}")


def _shown_counts(counts: dict[str, int]) -> str:
    """The number of categories, the most frequent ones, and the rarest one."""
    entries = [f"{category} {count}" for category, count in counts.items()]
    rarest = f" ... {entries[-1]}" if len(entries) > SHOWN_CATEGORIES else ""
    return f"{len(entries)}: {', '.join(entries[:SHOWN_CATEGORIES])}{rarest}"


def run_browse(config: DictConfig) -> None:
    """Write a page with pictures, boxes and phrases of each set."""
    text = page(_sets_with_indexes(config), config.browse.count, config.seed)
    print(f"open in a browser: {_write(config, 'index.html', text)}")


def run_convert(config: DictConfig) -> None:
    """Write each set as ODVG lines or as shards. Raises UserError for another format."""
    count = config.convert.count
    for named_set, index in _sets_with_indexes(config):
        name = named_set.name
        folder = Path(config.output, name)
        chosen = range(len(index)) if count is None else some_rows(index, count, config.seed)
        rows = with_progress(chosen, len(chosen), f"{name}: record")
        if config.convert.format == "odvg":
            print(f"{name}: {write_odvg(named_set, index, folder, rows)}")
        elif config.convert.format == "shards":
            shards = write_shards(named_set, index, folder, rows, config.convert.per_shard)
            print(f"{name}: {len(shards)} shards in {folder}")
        else:
            raise UserError(f"convert.format={config.convert.format} is neither odvg nor shards")


def _write(config: DictConfig, name: str, text: str) -> Path:
    """Write a file into the folder `output`; returns its path."""
    path = Path(config.output, name)
    with write_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


ACTIONS: dict[str, Callable[[DictConfig], Any]] = {
    "check": run_check,
    "stats": run_stats,
    "browse": run_browse,
    "convert": run_convert,
}
"""Actions of the command, by its first argument."""


def main() -> None:
    """Run the action that the first argument names; the others are Hydra's overrides."""
    action = ACTIONS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if action is None:
        print(f"error: say what to do: python -m glip_pl.data {'|'.join(ACTIONS)} data=<name>")
        sys.exit(EXIT_USER_ERROR)
    del sys.argv[1]
    command("data_tools")(action)()
