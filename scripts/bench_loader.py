"""What the loader costs a training: `python -m scripts.bench_loader`, on one core.

CPU time per image of reading, decoding, transforming and collating with the sizes of the released
recipes, so that other programs on the machine change it little; and the bytes that storage
delivers. The photographs are those of scripts/bench_data.py.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from glip_pl.data.collate import Collate
from glip_pl.data.dataset_factory import training_set
from glip_pl.data.transforms import ResizeFlip
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import load_tokenizer
from scripts.bench_data import BATCH, write
from scripts.benchmarking import TOKENIZER_SOURCE

RECIPE = ResizeFlip([480, 560, 640, 720, 800], 1333, flip=0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=16, help="of each photograph")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        reader = write(root, options.copies)
        tokenizer = load_tokenizer(TOKENIZER_SOURCE)
        sampler = CategorySampler()
        dataset = training_set(reader, root / "index", RECIPE, tokenizer, sampler=sampler)
        collate, random = Collate(tokenizer, training=True), np.random.default_rng(0)
        samples_ms, batches_ms = [], []
        for _ in range(options.rounds + 1):
            started = time.process_time()
            samples = [dataset.sample(row, random) for row in range(len(dataset))]
            made = time.process_time()
            for first in range(0, len(samples), BATCH):
                collate(samples[first : first + BATCH])
            samples_ms.append(1e3 * (made - started) / len(samples))
            batches_ms.append(1e3 * (time.process_time() - made) / len(samples))
        size = np.mean([path.stat().st_size for path in root.glob("*.jpg")]) / 1e3
        sample, batch = np.median(samples_ms[1:]), np.median(batches_ms[1:])
        print(f"sample {sample:.1f} ms, batch {batch:.1f} ms of CPU time per image")
        print(f"{1e3 / (sample + batch):.0f} images/s per core, {size:.0f} kB per image")


if __name__ == "__main__":
    main()
