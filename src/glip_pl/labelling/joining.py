"""Joins the shards of a labelling job: the report of all shards, and one annotation file."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from glip_pl.data.formats.mdetr_writer import write_mdetr
from glip_pl.files.leftovers import remove_leftovers
from glip_pl.files.reading import read_own
from glip_pl.files.writing import write_json, write_whole
from glip_pl.labelling.shards import manifest_path
from glip_pl.labelling.summary import LabelSummary

log = logging.getLogger(__name__)

JOINED = ("report.json", "annotations.jsonl", "annotations.json")
"""Files that are made of all shards."""

SHOWN_PROBLEMS = 5
"""Unreadable pictures that are logged; report.json has all of them."""


def join_shards(folder: Path, shards: Sequence[Path]) -> LabelSummary:
    """Write report.json, and for shards of ODVG lines annotations.jsonl and annotations.json.

    All shards must be complete. Processes that join the same shards wait for each other.
    """
    summary = LabelSummary()
    for shard in shards:
        remedy = "remove it, and the same command labels this shard again"
        read_own(manifest_path(shard), summary.add_manifest, remedy)
    with FileLock(folder / ".join.lock"):
        for name in JOINED:
            remove_leftovers(folder / name)
        write_json(folder / "report.json", summary.report())
        if shards and shards[0].suffix == ".jsonl":
            _join_lines(folder, shards)
    for message in summary.bad_pictures[:SHOWN_PROBLEMS]:
        log.warning("%s", message)
    return summary


def _join_lines(folder: Path, shards: Sequence[Path]) -> None:
    """Write all lines as one ODVG file, and the same annotations in MDETR's format."""
    lines = folder / "annotations.jsonl"
    with write_whole(lines) as partial, partial.open("wb") as file:
        for shard in shards:
            file.write(shard.read_bytes())
    with write_whole(folder / "annotations.json") as partial:
        write_mdetr(partial, lambda: map(json.loads, lines.open(encoding="utf-8")))
