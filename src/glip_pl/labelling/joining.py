"""Joins the shards of a labelling job: the report of all shards, and one annotation file."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from glip_pl.data.formats.mdetr_writer import write_mdetr
from glip_pl.files.writing import write_json, write_whole
from glip_pl.labelling.shards import manifest_path
from glip_pl.labelling.summary import LabelSummary

log = logging.getLogger(__name__)

SHOWN_PROBLEMS = 5
"""Unreadable pictures that are logged; report.json has all of them."""


def join_shards(folder: Path, shards: Sequence[Path]) -> LabelSummary:
    """Write report.json, and for shards of ODVG lines annotations.jsonl and annotations.json.

    All shards must be complete.
    """
    summary = LabelSummary()
    for shard in shards:
        summary.add_manifest(json.loads(manifest_path(shard).read_text()))
    write_json(folder / "report.json", summary.report())
    for message in summary.bad_pictures[:SHOWN_PROBLEMS]:
        log.warning("%s", message)
    if shards and shards[0].suffix == ".jsonl":
        _join_lines(folder, shards)
    return summary


def _join_lines(folder: Path, shards: Sequence[Path]) -> None:
    """Write all lines as one ODVG file, and the same annotations in MDETR's format."""
    lines = folder / "annotations.jsonl"
    with write_whole(lines) as partial, partial.open("wb") as file:
        for shard in shards:
            file.write(shard.read_bytes())
    with write_whole(folder / "annotations.json") as partial:
        write_mdetr(partial, lambda: map(json.loads, lines.open(encoding="utf-8")))
