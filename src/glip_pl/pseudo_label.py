"""Label captions: `python -m glip_pl.pseudo_label source.shards='cc3m/*.tar' ckpt=...`."""

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from glip_pl.cli import command
from glip_pl.data.filtering import BoxFilter
from glip_pl.data.formats.mdetr import write_mdetr
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.web import WebShards
from glip_pl.data.images import ImageFolder
from glip_pl.data.indexing import open_index, source_name
from glip_pl.data.records import Reader
from glip_pl.errors import UserError
from glip_pl.inference.label_quality import LabelQuality
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.pseudo_label import STORED, Labeller, shard_rows
from glip_pl.inspection.browse import page
from glip_pl.inspection.sets import NamedSet
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.report import digest
from glip_pl.runs import find_checkpoint
from glip_pl.settings import plain

log = logging.getLogger(__name__)

EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


def pseudo_label(config: DictConfig) -> None:
    """Box the noun phrases of every caption of the source; shards that are done stay as they are.

    Any number of processes, on any number of machines that share the folder, may run this at the
    same time: each takes shards that nobody has.
    """
    reader = instantiate(config.source)
    index = open_index(reader, Path(config.paths.index), tolerate=config.tolerate)
    images = reader.open_images()
    if not index.captioned.all():
        raise UserError(f"{source_name(reader)} has no captions to label")
    path = find_checkpoint(config.ckpt, Path(config.paths.runs))
    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    scorer = config.get("scorer")
    suffix = ".jsonl" if isinstance(images, ImageFolder) else ".tar"
    rows = shard_rows(index, images, config.shard_size)
    job = {
        "weights": digest(path),
        "records": len(index),
        "shards": len(rows),
        "phrases": config.phrases.model,
        "mirror": config.mirror,
        "scorer": None if scorer is None else plain(scorer),
    }
    _claim(folder, job)
    targets = [folder / f"{number:05d}{suffix}" for number in range(len(rows))]
    missing = [number for number, target in enumerate(targets) if not _manifest(target).is_file()]
    if missing:
        labeller = Labeller(
            # A phrase whose words score p is stored if sqrt(p x centerness) reaches STORED.
            Predictor.load(path, config.device, config.tokenizer.source, score_threshold=STORED**2),
            NounPhrases.load(config.phrases.model),
            config.batch_size,
            config.mirror,
            None if scorer is None else instantiate(scorer),
        )
        started = told = time.monotonic()
        for done, number in enumerate(track(missing, "labelling", disable=not sys.stdout.isatty())):
            target = targets[number]
            try:
                with FileLock(f"{target}.lock", timeout=0):
                    if not _manifest(target).is_file():  # another process may have been faster
                        counts = labeller.shard(index, images, rows[number], target)
                        _write(_manifest(target), counts)
            except Timeout:
                continue  # another process is at it
            now = time.monotonic()
            if now - told > EVERY and not sys.stdout.isatty():
                told = now
                left = (now - started) * (len(missing) - done - 1) / (done + 1)
                log.info("%d of %d shards, about %.0f min left", done + 1, len(missing), left / 60)
    if _finish(folder, targets):
        _draw_some(config, folder, suffix)


def _manifest(target: Path) -> Path:
    """The file that tells that a shard is whole."""
    return target.with_suffix(".done.json")


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
    _write(path, job)


def _finish(folder: Path, targets: Sequence[Path]) -> bool:
    """Add up what was counted, and join lines, if every shard is there; whether it is."""
    left = [target for target in targets if not _manifest(target).is_file()]
    if left:
        print(f"{len(left)} of {len(targets)} shards are being labelled by other processes")
        return False
    manifests = [json.loads(_manifest(target).read_text()) for target in targets]
    keys = ("captions", "phrases", "pictures", "boxes")
    totals = {key: sum(one.get(key, 0) for one in manifests) for key in keys}
    bad = [message for one in manifests for message in one["bad"]]
    quality = LabelQuality()
    for one in manifests:
        quality.plus(one["quality"])
    _write(folder / "report.json", {**totals, "scores": quality.table(), "bad": bad})
    for message in bad[:5]:
        log.warning("%s", message)
    if targets and targets[0].suffix == ".jsonl":
        half = folder / f"annotations.{os.getpid()}.tmp"
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
    return True


SHOWN = 24
"""Pictures of the page to look at."""


def _draw_some(config: DictConfig, folder: Path, suffix: str) -> None:
    """Write a page of random pictures with the boxes that a student would learn from."""
    reader: Reader
    if suffix == ".tar":
        reader = WebShards(f"{folder}/*.tar")
    else:
        reader = OdvgJsonl(folder / "annotations.jsonl", plain(config.source)["images"])
    index = open_index(reader, Path(config.paths.index))
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


def _write(path: Path, content: dict[str, Any]) -> None:
    half = path.with_suffix(f".{os.getpid()}.tmp")
    half.write_text(json.dumps(content, indent=1))
    half.replace(path)


main = command("pseudo_label")(pseudo_label)

if __name__ == "__main__":
    main()
