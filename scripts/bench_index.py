"""Indexing an annotation file as large as Objects365 v2: `python -m scripts.bench_index`.

Writes a synthetic file (4 GB for the default size), indexes it in a separate process, and opens
the index as a training set. Reports time and memory, and how much more memory four loader workers
take than one.
"""

import argparse
import resource
import tempfile
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.dataset_factory import training_set
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.transforms import ResizeFlip
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import load_tokenizer
from scripts.benchmarking import TOKENIZER_SOURCE, now, timed

BOXES_PER_IMAGE = 25 / 1.7
CATEGORIES = 365
CHUNK = 200_000  # entries that are written at a time
SAMPLES = 200_000  # that the workers read
LAST_STEPS = 10  # of the loader, when memory is measured


def entries(images: int) -> Iterator[str]:
    """The text of a COCO JSON file, in pieces; annotations belong to images in random order."""
    random = np.random.default_rng(0)
    yield '{"images":['
    for first in range(0, images, CHUNK):
        yield ("," if first else "") + ",".join(
            f'{{"id":{image},'
            f'"file_name":"images/v1/patch{image // 20000}/objects365_v2_{image:08d}.jpg",'
            f'"height":{512 + image % 200},"width":{683 + image % 111},"license":5,"url":""}}'
            for image in range(first, min(first + CHUNK, images))
        )
    yield '],"annotations":['
    boxes = round(images * BOXES_PER_IMAGE)
    for first in range(0, boxes, CHUNK):
        count = min(CHUNK, boxes - first)
        corners = random.random((count, 4)) * [300, 250, 200, 200] + 1
        owners = random.integers(images, size=count)
        labels = random.integers(CATEGORIES, size=count)
        yield ("," if first else "") + ",".join(
            f'{{"id":{first + row},"iscrowd":0,"isfake":0,"isreflected":0,"area":{w * h:.4f},'
            f'"bbox":[{x:.6f},{y:.6f},{w:.6f},{h:.6f}],"image_id":{owner},"category_id":{label}}}'
            for row, ((x, y, w, h), owner, label) in enumerate(
                zip(corners.tolist(), owners.tolist(), labels.tolist(), strict=True)
            )
        )
    names = ",".join(f'{{"id":{label},"name":"thing {label}"}}' for label in range(CATEGORIES))
    yield f'],"categories":[{names}]}}'


def build(reader: CocoJson, folder: Path) -> None:
    """Make the index and print the time and memory that it took."""
    seconds, index = timed(lambda: open_index(reader, folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    size = sum(file.stat().st_size for file in index.folder.iterdir()) / 1e9
    print(f"indexed {len(index)} images, {len(index.boxes.values)} boxes")
    print(f"  in {seconds:.0f} s, {peak:.2f} GB at most; the index has {size:.2f} GB")


class IndexReads(Dataset[Tensor]):
    """Reads of the index what samples read of it, without their pictures, which do not exist."""

    def __init__(self, dataset: GroundedDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, number: int) -> Tensor:
        row = int(self.dataset.rows[number * 7919 % len(self.dataset)])
        index = self.dataset.index
        prompt, *_ = self.dataset.prompts(row, index.targets[row], np.random.default_rng(row))
        return torch.tensor([len(prompt.caption), len(index.images[row]), len(index.boxes[row])])


def worker_memory(reads: IndexReads, workers: int) -> float:
    """MB that all workers hold at the end of an epoch; a shared page counts in equal shares."""
    loader = DataLoader(reads, 64, num_workers=workers, multiprocessing_context=get_context("fork"))
    iterator: Any = iter(loader)
    total = 0.0
    for step, _ in enumerate(iterator):
        if step == len(loader) - LAST_STEPS:
            total = sum(proportional_memory(worker.pid) for worker in iterator._workers)
    return total


def proportional_memory(process: int) -> float:
    """MB of a process (Linux): its own pages, and its share of the pages that others map too."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_700_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with (root / "boxes.json").open("w") as file:
            file.writelines(entries(options.images))
        print(f"a file of {(root / 'boxes.json').stat().st_size / 1e9:.2f} GB")
        reader = CocoJson(root / "boxes.json", root, parts=2)
        process = get_context("spawn").Process(target=build, args=(reader, root / "index"))
        process.start()
        process.join()
        tokenizer = load_tokenizer(TOKENIZER_SOURCE)
        started = now()
        dataset = training_set(
            reader, root / "index", ResizeFlip([800], 1333), tokenizer, sampler=CategorySampler()
        )
        print(f"opened as a dataset in {now() - started:.2f} s")
        single, four = (worker_memory(IndexReads(dataset), workers) for workers in (1, 4))
        print(f"workers hold: one {single:.0f} MB, four {four:.0f} MB together")
        print(f"  four add {four - single:.0f} MB")


if __name__ == "__main__":
    main()
