"""Label captions: `python -m glip_pl.pseudo_label source.shards='cc3m/*.tar' ckpt=...`."""

import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from glip_pl.data.filtering import BoxFilter
from glip_pl.data.formats.mdetr import write_mdetr
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.images import ImageFolder
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Reader
from glip_pl.errors import UserError
from glip_pl.files.writing import write_json
from glip_pl.inspection.browse import page
from glip_pl.inspection.named_set import NamedSet
from glip_pl.labelling.job import Work, manifest
from glip_pl.labelling.quality import LabelQuality
from glip_pl.running.cli import command

log = logging.getLogger(__name__)

EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


def pseudo_label(config: DictConfig) -> None:
    """Box the noun phrases of every caption of the source; shards that are done stay as they are.

    Any number of processes, on any number of machines that share the folder, may run this at the
    same time: each takes shards that nobody has, and in the end those of processes that died.
    """
    work = Work.of(config)
    work.output.mkdir(parents=True, exist_ok=True)
    _claim(work.output, work.job())
    engine = instantiate(config.engine)
    for wait in (False, True):
        missing = [
            number for number, target in enumerate(work.targets) if not manifest(target).is_file()
        ]
        if missing:
            _follow(engine(partial(work.worker, wait), missing), len(missing))
    _finish(work.output, work.targets)
    _draw_some(config, work)


def _follow(done: Iterator[int], total: int) -> None:
    """Wait for all shards and tell how many are done."""
    started = told = time.monotonic()
    shown = track(done, "labelling", total, disable=not sys.stdout.isatty())
    for count, _ in enumerate(shown, start=1):
        now = time.monotonic()
        if now - told > EVERY and not sys.stdout.isatty():
            told = now
            left = (now - started) * (total - count) / count
            log.info("%d of %d shards, about %.0f min left", count, total, left / 60)


def _claim(folder: Path, job: dict[str, Any]) -> None:
    """Raise UserError if the folder holds the labels of another teacher or source."""
    path = folder / "job.json"
    if path.is_file():
        known = json.loads(path.read_text())
        if known != job:
            other = ", ".join(key for key in job if known.get(key) != job[key])
            raise UserError(
                f"{folder} holds labels of another job (it differs in: {other}); set output="
            )
    write_json(path, job)


def _finish(folder: Path, targets: Sequence[Path]) -> None:
    """Add up what was counted, and join lines."""
    manifests = [json.loads(manifest(target).read_text()) for target in targets]
    keys = ("captions", "phrases", "pictures", "boxes")
    totals = {key: sum(one.get(key, 0) for one in manifests) for key in keys}
    bad = [message for one in manifests for message in one["bad"]]
    quality = LabelQuality()
    for one in manifests:
        quality.plus(one["quality"])
    write_json(folder / "report.json", {**totals, "scores": quality.table(), "bad": bad})
    for message in bad[:5]:
        log.warning("%s", message)
    if targets and targets[0].suffix == ".jsonl":
        half = folder / f"annotations.{uuid4().hex}.tmp"
        with half.open("wb") as file:
            for target in targets:
                file.write(target.read_bytes())
        lines = half.replace(folder / "annotations.jsonl")
        half = half.with_suffix(".mdetr")
        write_mdetr(half, lambda: map(json.loads, lines.open(encoding="utf-8")))
        half.replace(folder / "annotations.json")
    _show(totals, quality)
    print(", ".join(f"{totals[key]:,} {key}" for key in keys) + f", {len(bad)} bad pictures")
    print(f"labels: {folder}")


SHOWN = 24
"""Pictures of the page to look at."""


def _draw_some(config: DictConfig, work: Work) -> None:
    """Write a page of random pictures with the boxes that a student would learn from."""
    folder = work.output
    reader: Reader
    if isinstance(work.images, ImageFolder):
        reader = OdvgJsonl(folder / "annotations.jsonl", work.source["images"])
    else:
        reader = WebShards(f"{folder}/*.tar")
    index = open_index(reader, work.index_folder, "clip", work.tolerate)
    labels = NamedSet("labels", reader, box_filter=BoxFilter())
    (folder / "labels.html").write_text(page([(labels, index)], SHOWN, config.seed))
    print(f"some of them: {folder}/labels.html")


def _show(totals: dict[str, int], quality: LabelQuality) -> None:
    """A line for every other score."""
    captions, pictures = max(1, totals["captions"]), max(1, totals["pictures"])
    print(
        f"{totals['phrases'] / captions:.1f} phrases a caption, "
        f"{totals['boxes'] / pictures:.1f} boxes a picture"
    )
    table = Table("score above", "boxes", "precision", "recall")
    for line in quality.table()[::2]:
        judged = ("-" if line[key] is None else f"{100 * line[key]:.1f}" for key in RATES)
        table.add_row(f"{line['score']:.1f}", f"{line['boxes']:,}", *judged)
    Console().print(table)


RATES = ("precision", "recall")


main = command("pseudo_label")(pseudo_label)

if __name__ == "__main__":
    main()
