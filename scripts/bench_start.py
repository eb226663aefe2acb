"""Start to first batch of one rank of 64 on the data of GLIP-L: `python -m scripts.bench_start`.

Writes synthetic indexes of 33.7 million samples in six sources (24 million of them in shards),
opens them as a run does and draws the first joint batch of rank 3 of 64, first as the process that
computes the order of the epoch, then as another process of the same machine. Pictures are not
read. Reports times and memory.
"""

import argparse
import json
import resource
import tempfile
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.data.column_files import ColumnFiles
from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.grouping import Layout
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.index import COLUMNS, Index
from glip_pl.data.index_integrity import mark_verified, sealed, verify
from glip_pl.data.sampling import Mixture, MixtureSampler, Position, Source
from glip_pl.data.selection import Selection
from scripts.benchmarking import now

SOURCES = {  # samples, copies, shards (the official mix of GLIP-L; records are of this order)
    "objects365": (608_000, 2, 1),
    "visual_genome": (97_000, 3, 1),
    "imagenet_boxes": (660_000, 2, 1),
    "open_images": (1_674_000, 1, 1),
    "flickr30k": (149_000, 8, 1),
    "mixed": (621_000, 4, 1),
    "cap24m": (25_523_000, 1, 2552),
}
ROWS = 1_000_000  # that are written at a time
BOXES = 3


def write_index(folder: Path, samples: int, shards: int) -> None:
    """An index of captions with boxes."""
    folder.mkdir()
    random = np.random.default_rng(0)
    with ColumnFiles(folder) as columns:
        for first in range(0, samples, ROWS):
            count = min(ROWS, samples - first)
            write_rows(columns, first, count, random)
        columns.flush()
        blocks = np.linspace(0, samples, shards + 1).astype(int).tolist()
        meta = {"rows": columns.rows, "names": [], "blocks": blocks}
        meta["checksums"] = columns.checksums
    (folder / "meta.json").write_text(json.dumps(sealed(meta)))
    mark_verified(folder)


def write_rows(columns: ColumnFiles, first: int, count: int, random: np.random.Generator) -> None:
    """Some rows of an index."""
    text = np.frombuffer(b"a small red car parked beside two old wooden boats" * count, np.uint8)
    columns.append("image_ids", np.arange(first, first + count))
    columns.append("sizes", random.integers(300, 1000, (count, 2), dtype=np.int32))
    columns.append("captioned", np.ones(count))
    columns.append("empty", np.zeros(count))
    for name in ("image", "caption"):
        columns.append(f"{name}_bytes", text)
        columns.append_lengths(f"{name}_offsets", np.full(count, 50))
    columns.append("spans", np.tile([[0, 1]], (count, 1)))
    columns.append_lengths("span_offsets", np.ones(count, dtype=np.int64))
    columns.append_lengths("phrase_offsets", np.ones(count, dtype=np.int64))
    columns.append("boxes", np.tile([[0, 0, 99, 99]], (count * BOXES, 1)))
    columns.append("targets", np.zeros(count * BOXES))
    columns.append("scores", np.ones(count * BOXES))
    columns.append_lengths("box_offsets", np.full(count, BOXES))


class Opened(GroundedDataset):
    """A dataset of which only what sampling needs is made."""

    def __init__(self, folder: Path) -> None:
        index = Index.open(folder)
        verify(folder)
        self.records = Selection().for_training(index, str(folder))
        self.images = ImageFolder.at(folder)


def start(root: Path, grouping: Any, label: str, drew: Any, end: Any) -> None:
    """Open all sources, draw the first sample of the rank, set `drew`, and wait for `end`."""
    before, started = private_memory(), now()
    sources = [Source(Opened(root / name), copies) for name, (_, copies, _) in SOURCES.items()]
    opened = now() - started
    mixture = Mixture(sources)
    position = Position(0, 0, Layout(64, 1, grouping))
    sampler = iter(MixtureSampler(mixture, 0, (3, 64), 1, lambda: position))
    drawn = next(sampler)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{label}: opened in {opened:.1f} s, first draw of {mixture.epoch_length()} after "
        f"{now() - started:.1f} s (sample {drawn.sample}); {peak:.2f} GB at most, "
        f"{private_memory() - before:.2f} GB of its own now",
        flush=True,
    )
    drew.set()
    end.wait()


def start_two(root: Path, grouping: str) -> None:
    """Start a process, which computes the order of the epoch, and another beside it."""
    spawn = get_context("spawn")
    end, processes = spawn.Event(), []
    for label in ("the first process", "another process"):
        drew = spawn.Event()
        arguments = (root, grouping, f"grouping {grouping}, {label}", drew, end)
        processes.append(spawn.Process(target=start, args=arguments))
        processes[-1].start()
        drew.wait(300)
    end.set()
    for process in processes:
        process.join()


def private_memory() -> float:
    """GB that this process shares with no other (Linux)."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:")) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1, help="of the samples of each source")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for source, (samples, _, shards) in SOURCES.items():
            write_index(root / source, round(samples * options.share), shards)
        size = sum(file.stat().st_size for file in root.rglob("*.bin")) / 1e9
        print(f"indexes of {size:.1f} GB in {len(COLUMNS)} columns", flush=True)
        for grouping in ("none", "orientation"):
            start_two(root, grouping)


if __name__ == "__main__":
    main()
