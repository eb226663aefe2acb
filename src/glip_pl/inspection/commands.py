"""Look at data before training: `python -m glip_pl.data check|stats|browse|convert data=<name>`."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.errors import UserError
from glip_pl.inspection.browse import page
from glip_pl.inspection.check import Finding, check
from glip_pl.inspection.export import write_odvg, write_shards
from glip_pl.inspection.named_set import NamedSet, some_rows
from glip_pl.inspection.stats import stats
from glip_pl.running.cli import EXIT_USER_ERROR, command

TOP = 10
"""Categories that the table of numbers shows; the JSON has all."""


def configured_sets(config: DictConfig) -> list[NamedSet]:
    """The sets of `data=` that `sets` names, each source once. Raises UserError if none is."""
    if config.data.get("prepare") is not None:
        instantiate(config.data.prepare)
    found: list[NamedSet] = []
    names: list[str] = []
    for group in ("train", "val", "test"):
        for key, node in (config.data.get(group) or {}).items():
            name = f"{group}/{key}"
            names.append(name)
            if node is None or (config.sets is not None and name not in config.sets):
                continue
            one = _set(name, node.dataset if group == "train" else node)
            if not any(one.reader == other.reader for other in found):
                found.append(one)
    missing = set(config.sets or ()) - set(names)
    if missing or not found:
        raise UserError(f"no such set: {', '.join(missing) or config.sets}; there are {names}")
    return found


def _set(name: str, node: DictConfig) -> NamedSet:
    return NamedSet(
        name,
        instantiate(node.reader, _convert_="all"),
        node.out_of_image,
        node.get("tolerate", 0.0),
        instantiate(node.get("box_filter")),
        instantiate(node.get("wordings"), _convert_="all"),
    )


def _opened(config: DictConfig) -> list[tuple[NamedSet, Index]]:
    folder = Path(config.paths.index)
    return [
        (one, open_index(one.reader, folder, one.out_of_image, one.tolerate))
        for one in configured_sets(config)
    ]


def _progress(rows: Sequence[int], description: str) -> Iterable[int]:
    return track(rows, description, transient=True)


def run_check(config: DictConfig) -> None:
    """Print what is wrong with each set; exit code 1 if it is more than the set tolerates."""
    tokenizer = instantiate(config.tokenizer)
    said = logging.getLogger("glip_pl.data.problems")
    level = said.level
    said.setLevel(logging.ERROR)  # the list at the end has them all
    try:
        findings = [
            check(one, tokenizer, config.check.pictures, config.check.ap_images, _progress)
            for one in configured_sets(config)
        ]
    finally:
        said.setLevel(level)
    for finding in findings:
        _show(finding)
    report = {
        one.name: {
            "passed": one.passed,
            "images": one.images,
            "boxes": one.boxes,
            "ground_truth_ap": one.ground_truth_ap,
            "counts": one.problems.counts,
            "examples": one.problems.examples,
        }
        for one in findings
    }
    print(f"all of it: {_write(config, 'check.json', json.dumps(report, indent=1))}")
    if not all(one.passed for one in findings):
        sys.exit(1)


def _show(one: Finding) -> None:
    verdict = "ok" if one.passed else "NOT OK"
    truth = "" if one.ground_truth_ap is None else f", ground truth AP {one.ground_truth_ap:.4f}"
    print(f"{one.name}: {verdict}; {one.images} images, {one.boxes} boxes{truth}")
    for kind, count in sorted(one.problems.counts.items()):
        print(f"  {count} x {kind}, for instance")
        for example in one.problems.examples[kind]:
            print(f"    {example}")


def run_stats(config: DictConfig) -> None:
    """A table of numbers for each set."""
    found = {one.name: stats(index, one.box_filter) for one, index in _opened(config)}
    for name, values in found.items():
        table = Table(title=name, show_header=False)
        for key, value in values.items():
            if isinstance(value, dict):
                shown = [f"{category} {count}" for category, count in value.items()]
                rest = f" ... {shown[-1]}" if len(shown) > TOP else ""
                value = f"{len(shown)}: {', '.join(shown[:TOP])}{rest}"
            table.add_row(key, str(value))
        Console().print(table)
    print(f"all of it: {_write(config, 'stats.json', json.dumps(found, indent=1))}")


def run_browse(config: DictConfig) -> None:
    """A page with pictures, boxes and phrases of each set."""
    content = page(_opened(config), config.browse.count, config.seed)
    print(f"open in a browser: {_write(config, 'index.html', content)}")


def run_convert(config: DictConfig) -> None:
    """ODVG lines or shards of each set."""
    for one, index in _opened(config):
        folder = Path(config.output, one.name)
        count = config.convert.count
        rows = range(len(index)) if count is None else some_rows(index, count, config.seed)
        shown = _progress(rows, one.name)
        if config.convert.format == "odvg":
            print(f"{one.name}: {write_odvg(one, index, folder, shown)}")
        elif config.convert.format == "shards":
            shards = write_shards(one, index, folder, shown, config.convert.per_shard)
            print(f"{one.name}: {len(shards)} shards in {folder}")
        else:
            raise UserError(f"convert.format={config.convert.format} is neither odvg nor shards")


def _write(config: DictConfig, name: str, content: str) -> Path:
    path = Path(config.output, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


ACTIONS: dict[str, Callable[[DictConfig], Any]] = {
    "check": run_check,
    "stats": run_stats,
    "browse": run_browse,
    "convert": run_convert,
}


def main() -> None:
    """Run the action that the first word names; the rest is Hydra's."""
    action = ACTIONS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if action is None:
        print(f"error: say what to do: python -m glip_pl.data {'|'.join(ACTIONS)} data=<name>")
        sys.exit(EXIT_USER_ERROR)
    del sys.argv[1]
    command("data_tools")(action)()
