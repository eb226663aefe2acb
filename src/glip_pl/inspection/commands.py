"""Inspect data before training: `python -m glip_pl.data <action> data=<name>`."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.errors import some
from glip_pl.files.writing import write_whole
from glip_pl.inspection.action_help import HELP, help_of, overview
from glip_pl.inspection.browse import page
from glip_pl.inspection.check import Finding, check
from glip_pl.inspection.conversion import Conversion
from glip_pl.inspection.mistakes import Mistake
from glip_pl.inspection.named_set import NamedSet, chosen_names
from glip_pl.inspection.split_comparison import compare_splits
from glip_pl.inspection.stats import stats
from glip_pl.inspection.stored import CLASSES, chosen, remove, shown_size, stored_in
from glip_pl.running.cli import EXIT_USER_ERROR, command
from glip_pl.terminal.closed_output import ends_with_its_reader

SHOWN_CATEGORIES = 10
"""Most frequent categories in the printed table; stats.json has all."""

BETWEEN = "between the sets"
"""Key of check.json with the mistakes that only a comparison of the sets shows."""


def configured_sets(config: DictConfig) -> list[NamedSet]:
    """The sets of `data=` that the setting `sets` names; of sets with one source only the first.

    Raises UserError if `sets` names an unknown set.
    """
    if config.data.get("prepare") is not None:
        instantiate(config.data.prepare)
    nodes = {
        f"{group}/{key}": node
        for group in ("train", "val", "test")
        for key, node in (config.data.get(group) or {}).items()
        if node is not None
    }
    sets: list[NamedSet] = []
    for name in chosen_names(config.sets, list(nodes)):
        node = nodes[name]
        named_set = _named_set(name, node.dataset if name.startswith("train/") else node)
        same = next((other for other in sets if named_set.reader == other.reader), None)
        if same is None:
            sets.append(named_set)
        else:
            print(f"{name}: the same as {same.name}")
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
    """Print all problems of each set and between the sets; exit with code 1 if some are grave."""
    tokenizer = instantiate(config.tokenizer)
    # The findings list all that these would log.
    with _silenced("glip_pl.data.problems"), _silenced("glip_pl.data.image_folder"):
        findings = [
            check(named_set, tokenizer, config.check.pictures, config.check.ap_images)
            for named_set in configured_sets(config)
        ]
    readable = [finding.compared for finding in findings if finding.compared is not None]
    between = compare_splits(readable, config.check.pictures != "skip")
    passed = all(mistake.severity == "told" for mistake in between)
    for finding in findings:
        _show(finding)
    if between:
        print(f"between the sets: {'ok' if passed else 'NOT OK'}")
        _show_mistakes(between)
    report = {finding.name: _report(finding) for finding in findings}
    report[BETWEEN] = {"passed": passed, "mistakes": [asdict(mistake) for mistake in between]}
    text = json.dumps(report, indent=1, allow_nan=False)
    print(f"full report: {_write(config, 'check.json', text)}")
    if not passed or not all(finding.passed for finding in findings):
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
    print(
        f"{finding.name}: {verdict}; {finding.images} images, {finding.boxes} boxes{shown_ap}; "
        f"read from {finding.source}"
    )
    _show_mistakes(finding.mistakes)
    for kind, count in sorted(finding.problems.counts.items()):
        print(f"  {count} x {kind}, for instance")
        for example in finding.problems.examples[kind]:
            print(f"    {example}")


def _show_mistakes(mistakes: Sequence[Mistake]) -> None:
    for mistake in mistakes:
        print(f"  {mistake}")


def _report(finding: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    return {
        "passed": finding.passed,
        "source": finding.source,
        "images": finding.images,
        "boxes": finding.boxes,
        "ground_truth_ap": finding.ground_truth_ap,
        "counts": finding.problems.counts,
        "examples": finding.problems.examples,
        "mistakes": [asdict(mistake) for mistake in finding.mistakes],
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
    """Write each set in another format. Raises UserError for an unknown one."""
    conversion = Conversion(
        config.convert.format,
        Path(config.output),
        config.convert.per_shard,
        config.convert.count,
        config.convert.copy_pictures,
        config.seed,
    )
    for line in conversion.run(_sets_with_indexes(config)):
        print(line)


def _write(config: DictConfig, name: str, text: str) -> Path:
    """Write a file into the folder `output`; returns its path."""
    path = Path(config.output, name)
    with write_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def run_clean(config: DictConfig) -> None:
    """Print what the folders of indexes and shards hold, and remove what `clean.remove` names."""
    folders = Path(config.paths.index).expanduser(), Path(config.paths.shards).expanduser()
    stored, foreign = stored_in(*folders)
    removed = chosen(stored, config.clean.remove) if config.clean.remove is not None else []
    print(f"indexes in {folders[0]}, fetched shards in {folders[1]}")
    for one in stored:
        fate = "" if one not in removed else "removed: " if remove(one) else "in use, kept: "
        print(f"  {fate}{one}")
    total = shown_size(sum(one.size for one in stored))
    print(f"{len(stored)} stored, {total}, of which {len(removed)} were to be removed")
    if foreign:
        names = some([str(path) for path in foreign])
        print(f"{len(foreign)} files and folders of others, which are never removed: {names}")
    if stored and not removed:
        print(f"to remove some: clean.remove=[...] with names, or {', '.join(CLASSES)}")


ACTIONS: dict[str, Callable[[DictConfig], Any]] = {
    "check": run_check,
    "stats": run_stats,
    "browse": run_browse,
    "convert": run_convert,
    "clean": run_clean,
}
"""Actions of the command, by its first argument."""


@ends_with_its_reader()
def main() -> None:
    """Run the action that the first argument names; the others are Hydra's overrides."""
    name, *words = sys.argv[1:] or [""]
    action = ACTIONS.get(name)
    if action is not None and not set(HELP).isdisjoint(words):
        print(help_of(name))
    elif action is not None:
        del sys.argv[1]
        # `clean` writes nothing.
        command("data_tools", output=None if name == "clean" else "output")(action)()
    elif name in HELP:
        print(overview())
    else:
        if name:
            near = get_close_matches(name, ACTIONS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            print(f"error: there is no action {name!r}{hint}", file=sys.stderr)
        print(overview())
        sys.exit(EXIT_USER_ERROR)
