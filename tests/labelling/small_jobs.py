"""Labelling jobs on the captions of the tiny world."""

import json
import sys
import tarfile
from pathlib import Path

from glip_pl.data.formats.webdataset_writer import add_sample
from glip_pl.labelling.job import LabellingJob
from glip_pl.pseudo_label import pseudo_label
from glip_pl.running.settings import compose_settings


def captions(world: Path) -> list[tuple[str, str]]:
    """Picture and caption of each record of the tiny world."""
    records = json.loads((world / "annotations/captions.json").read_text())["images"]
    return [(record["file_name"], record["caption"]) for record in records]


def web(world: Path, folder: Path, per_shard: int = 4, copies: int = 1) -> Path:
    """Writes shards of pictures and captions without boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = captions(world) * copies
    for first in range(0, len(pairs), per_shard):
        with tarfile.open(folder / f"{first // per_shard:05d}.tar", "w") as tar:
            for number, (name, caption) in enumerate(pairs[first : first + per_shard]):
                picture = (world / "images/captions" / name).read_bytes()
                add_sample(tar, f"{number:04d}", {".png": picture, ".txt": caption.encode()})
    return folder


def job_settings(output: Path, teacher: Path, *overrides: str) -> list[str]:
    """The overrides of a job on the command line."""
    return [f"ckpt={teacher}", f"output={output}", *overrides]


def small_job(output: Path, teacher: Path, *overrides: str) -> LabellingJob:
    """A job as the command makes it."""
    overrides_of_job = job_settings(output, teacher, *overrides)
    return LabellingJob.of(compose_settings(overrides_of_job, "pseudo_label"))


def labelled(output: Path, teacher: Path, *overrides: str) -> Path:
    """Runs the command in this process; returns its output folder."""
    pseudo_label(compose_settings(job_settings(output, teacher, *overrides), "pseudo_label"))
    return output


def results(folder: Path) -> dict[str, bytes]:
    """The content of every result file in a job's output folder."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.suffix in (".tar", ".jsonl", ".json")
    }


def command(source: Path, output: Path, teacher: Path) -> list[str]:
    """The command as a process of its own."""
    overrides = job_settings(output, teacher, f"source.shards={source}/*.tar")
    return [sys.executable, "-m", "glip_pl.pseudo_label", *overrides]
