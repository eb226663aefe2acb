"""Indexing with one process and with several: `python -m scripts.bench_ranges`.

Writes a synthetic source of each format, and indexes it whole in this process, then in ranges by 2
processes. The indexes must be equal. Pictures of shards and TSV files are 20 bytes long (indexing
reads their place only); those of YOLO, whose sizes are read, are one colour.
"""

import argparse
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count, islice, repeat
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from glip_pl.data import indexing, ranges
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.tsv import TsvYaml
from glip_pl.data.formats.voc import VocXml
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.formats.yolo import YoloFolder
from glip_pl.data.index import COLUMNS, Index
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Reader
from scripts.benchmarking import timed

WORDS = (
    *("a", "small", "red", "car", "parked", "beside", "two", "old", "wooden", "boats"),
    *("on", "the", "quiet", "sandy", "beach"),
)
"""Of the captions."""

NAMES = [f"thing {number}" for number in range(80)]
"""Categories of detection data."""

BOXES = 7
"""In each picture of detection data, about as in COCO."""

SHARD = 2000
"""Samples of a shard."""


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


def shards(root: Path, samples: int) -> Reader:
    """Web shards of captions with two boxes each."""
    random = np.random.default_rng(0)
    for shard in range(samples // SHARD):
        write_shard(root / f"{shard:05d}.tar", SHARD, random)
    return WebShards(str(root / "*.tar"))


def things(random: np.random.Generator) -> list[tuple[int, list[float]]]:
    """Labels and corners of the boxes of a picture of 640 x 480 pixels."""
    low, sides = random.random((BOXES, 2)) * 200, random.random((BOXES, 2)) * 200 + 10
    corners = np.concatenate([low, low + sides], 1).round(2).tolist()
    return list(zip(random.integers(len(NAMES), size=BOXES).tolist(), corners, strict=True))


def odvg(root: Path, samples: int) -> Reader:
    """ODVG detection lines whose boxes name their labels."""
    random = np.random.default_rng(0)
    with (root / "od.jsonl").open("w") as file:
        for number in range(samples):
            boxes = [
                {"bbox": box, "label": label, "category": NAMES[label]}
                for label, box in things(random)
            ]
            about = {"filename": f"{number:012d}.jpg", "height": 480, "width": 640}
            file.write(json.dumps({**about, "detection": {"instances": boxes}}) + "\n")
    return OdvgJsonl(root / "od.jsonl", root)


def rows(root: Path, name: str, texts: Iterator[str]) -> None:
    """A TSV file, and the list of where its rows start."""
    with (root / f"{name}.tsv").open("w") as file, (root / f"{name}.lineidx").open("w") as starts:
        for number, text in enumerate(texts):
            starts.write(f"{file.tell()}\n")
            file.write(f"{number}\t{text}\n")


def tsv(root: Path, samples: int) -> Reader:
    """Official TSV files with lists of their rows."""
    random = np.random.default_rng(0)
    boxes = (
        [{"class": NAMES[label], "rect": box} for label, box in things(random)] for _ in count()
    )
    about = ({"img_h": 480, "img_w": 640, "objects": of_one} for of_one in islice(boxes, samples))
    rows(root, "train.label", map(json.dumps, about))
    rows(root, "train", repeat("p" * 20, samples))
    (root / "map.json").write_text(json.dumps({name: row for row, name in enumerate(NAMES, 1)}))
    (root / "train.yaml").write_text("img: train.tsv\nlabel: train.label.tsv\nlabelmap: map.json\n")
    return TsvYaml(root / "train.yaml")


def voc(root: Path, samples: int) -> Reader:
    """An XML file for each picture."""
    random = np.random.default_rng(0)
    (root / "Annotations").mkdir()
    (root / "JPEGImages").mkdir()
    for number in range(samples):
        boxes = "".join(
            f"<object><name>{NAMES[label]}</name><difficult>0</difficult><bndbox><xmin>{x1}</xmin>"
            f"<ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
            for label, (x1, y1, x2, y2) in things(random)
        )
        (root / f"Annotations/{number:06d}.xml").write_text(
            f"<annotation><filename>{number:06d}.jpg</filename><size><width>640</width>"
            f"<height>480</height></size>{boxes}</annotation>"
        )
        (root / f"JPEGImages/{number:06d}.jpg").touch()
    return VocXml(root)


def yolo(root: Path, samples: int) -> Reader:
    """A label file for each picture."""
    random = np.random.default_rng(0)
    encoded = io.BytesIO()
    Image.new("RGB", (640, 480), "grey").save(encoded, "JPEG")
    for folder in ("images/train", "labels/train"):
        (root / folder).mkdir(parents=True)
    for number in range(samples):
        lines = [
            f"{label} {(x1 + x2) / 1280:.6f} {(y1 + y2) / 960:.6f} {(x2 - x1) / 640:.6f} "
            f"{(y2 - y1) / 480:.6f}\n"
            for label, (x1, y1, x2, y2) in things(random)
        ]
        (root / f"labels/train/{number:06d}.txt").write_text("".join(lines))
        (root / f"images/train/{number:06d}.jpg").write_bytes(encoded.getvalue())
    (root / "data.yaml").write_text(f"train: images/train\nnames: {json.dumps(NAMES)}\n")
    return YoloFolder.from_folder(root, root / "data.yaml", ["train"])


FORMATS: dict[str, tuple[Callable[[Path, int], Reader], int]] = {
    "web shards": (shards, 128_000),
    "ODVG lines": (odvg, 400_000),
    "TSV": (tsv, 300_000),
    "VOC": (voc, 60_000),
    "YOLO": (yolo, 60_000),
}
"""What writes a source, and the number of its samples."""


def columns(index: Index) -> list[bytes]:
    """The content of an index."""
    return [(index.folder / f"{name}.bin").read_bytes() for name in COLUMNS]


def indexed(reader: Reader, folder: Path, processes: int) -> tuple[float, Index]:
    """The seconds that one process takes, or several, and the index."""
    with ExitStack() as patches:
        if processes == 1:
            patches.enter_context(patch.object(indexing, "ranges_of", lambda reader: ()))
        patches.enter_context(patch.object(ranges, "processes", return_value=processes))
        return timed(partial(open_index, reader, folder))


def compare(name: str, root: Path, rounds: int, share: float) -> None:
    """Print how long one process and two take to index a source, in the best of some rounds."""
    write, samples = FORMATS[name]
    reader = write(root, round(samples * share))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    made = []
    for number in range(rounds):
        for processes, taken in seconds.items():
            one, index = indexed(reader, root / f"index_{number}_{processes}", processes)
            taken.append(one)
            made.append(columns(index))
    assert all(one == made[0] for one in made)
    single, two = min(seconds[1]), min(seconds[2])
    print(
        f"{name}: {len(index)} records, one process {single:.1f} s, two {two:.1f} s, "
        f"{single / two:.2f} times as fast",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--share", type=float, default=1, help="of the samples of each format")
    options = parser.parse_args()
    for name in options.formats:
        with tempfile.TemporaryDirectory() as root:
            compare(name, Path(root), options.rounds, options.share)


if __name__ == "__main__":
    main()
