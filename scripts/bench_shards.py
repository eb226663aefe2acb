"""Indexing web shards with one process and with several: `python -m scripts.bench_shards`.

Writes synthetic shards of captions with boxes whose pictures are 20 bytes long (indexing reads
their place only), and indexes them with 1, 2, ... processes. The indexes must be equal.
"""

import argparse
import io
import json
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from glip_pl.data import ranges
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.index import COLUMNS, Index
from glip_pl.data.indexing import open_index
from scripts.benchmarking import timed

WORDS = (
    *("a", "small", "red", "car", "parked", "beside", "two", "old", "wooden", "boats"),
    *("on", "the", "quiet", "sandy", "beach"),
)
"""Of the captions."""


def write_shard(path: Path, samples: int, random: np.random.Generator) -> None:
    """One shard of img2dataset's form, with two boxes in each sample."""
    with tarfile.open(path, "w") as tar:
        for number in range(samples):
            caption = " ".join(random.choice(WORDS, 12))
            region = {"phrase": caption.split()[0], "bbox": [1.0, 2.0, 200.5, 180.25], "score": 0.7}
            about = {
                "caption": caption,
                "width": int(random.integers(300, 1000)),
                "height": int(random.integers(300, 1000)),
                "grounding": {"caption": caption, "regions": [region, region]},
            }
            for suffix, content in (
                ("jpg", b"p" * 20),
                ("json", json.dumps(about).encode()),
                ("txt", caption.encode()),
            ):
                member = tarfile.TarInfo(f"{path.stem}{number:05d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def columns(index: Index) -> list[bytes]:
    """The content of an index."""
    return [(index.folder / f"{name}.bin").read_bytes() for name in COLUMNS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        random = np.random.default_rng(0)
        for shard in range(options.shards):
            write_shard(root / f"{shard:05d}.tar", options.samples, random)
        reader = WebShards(str(root / "*.tar"))
        made = []
        for count in options.processes:
            with patch.object(ranges, "processes", return_value=count):
                seconds, index = timed(partial(open_index, reader, root / f"of_{count}"))
            print(
                f"{count} processes: {len(index)} samples in {seconds:.1f} s, "
                f"{len(index) / seconds:.0f} a second"
            )
            made.append(columns(index))
        assert all(one == made[0] for one in made)


if __name__ == "__main__":
    main()
