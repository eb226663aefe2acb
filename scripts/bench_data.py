"""How fast training samples are made: `python -m scripts.bench_data`, on one core.

Real photographs with Objects365's number of categories and boxes, at GLIP's evaluation size. They
are compared with the work that nothing can avoid: decoding the JPEG and resizing it with Pillow.
Both sides alternate; the ratio of their times is the result. A second table gives the share of each
step.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image

from glip_pl.data.collate import Collate
from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.dataset_factory import training_set
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.transforms import ResizeFlip, target_size
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import load_tokenizer
from scripts.benchmarking import TOKENIZER_SOURCE, seconds_of

CATEGORIES, BOXES_PER_IMAGE = 365, 15
SHORT_SIDE, LONG_SIDE = 800, 1333
BATCH = 4


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=16, help="of each photograph")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def write(root: Path, copies: int) -> CocoJson:
    """Copies of scikit-image's photographs at 640 pixels, with random boxes."""
    random = np.random.default_rng(0)
    photographs = [skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee()]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(copies * len(photographs)):
        picture = Image.fromarray(photographs[number % len(photographs)])
        height, width = target_size(picture.height, picture.width, 480, 640)
        picture.resize((width, height)).save(root / f"{number}.jpg", quality=90)
        images.append(
            {"id": number, "file_name": f"{number}.jpg", "height": height, "width": width}
        )
        for _ in range(BOXES_PER_IMAGE):
            x, y = random.integers(0, width - 40), random.integers(0, height - 40)
            box = [int(x), int(y), 30, 30]
            category = int(random.integers(CATEGORIES))
            annotations.append(
                {"id": len(annotations), "image_id": number, "category_id": category, "bbox": box}
            )
    categories = [{"id": label, "name": f"thing number {label}"} for label in range(CATEGORIES)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / "boxes.json").write_text(json.dumps(document))
    return CocoJson(root / "boxes.json", root)


def decode_and_resize(path: Path) -> Image.Image:
    """The work that samples are compared with."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    height, width = target_size(picture.height, picture.width, SHORT_SIDE, LONG_SIDE)
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def compare(dataset: GroundedDataset, paths: Sequence[Path], rounds: int) -> NDArray[np.float64]:
    """Seconds (rounds, 2) of decoding and resizing alone, and of samples in batches."""
    collate = Collate(dataset.tokenizer, training=True)
    random = np.random.default_rng(0)

    def alone(rows: range) -> None:
        for row in rows:
            decode_and_resize(paths[row])

    def samples(rows: range) -> None:
        collate([dataset.sample(row, random) for row in rows])

    seconds = np.zeros((rounds + 1, 2))
    for number in range(rounds + 1):
        for first in range(0, len(paths), BATCH):
            rows = range(first, min(first + BATCH, len(paths)))
            sides = [partial(alone, rows), partial(samples, rows)]
            for side in (0, 1) if first // BATCH % 2 else (1, 0):
                seconds[number, side] += seconds_of(sides[side])
    return seconds[1:]  # the first round warms up


def resizes(pictures: Sequence[Image.Image], rounds: int) -> tuple[float, float]:
    """Median milliseconds that Pillow and PyTorch, in turn, need to resize a picture."""
    transform, no_boxes = ResizeFlip([SHORT_SIDE], LONG_SIDE), torch.zeros(0, 4)
    seconds = np.zeros((rounds + 1, 2))
    for number in range(rounds + 1):
        for picture in pictures:
            for side, random in enumerate((None, np.random.default_rng(0))):
                resize = partial(transform, picture, no_boxes, "", random)
                seconds[number, side] += seconds_of(resize)
    pillow, pytorch = np.median(1e3 * seconds[1:] / len(pictures), axis=0)
    return float(pillow), float(pytorch)


def step_seconds(dataset: GroundedDataset, reader: CocoJson) -> dict[str, float]:
    """Seconds that each step takes for one epoch, one step after the other."""
    index, images = dataset.index, reader.open_images()
    names = [index.images[row] for row in range(len(dataset))]
    paths = [Path(str(reader.images), name) for name in names]
    seconds = {"read the file": seconds_of(lambda: [path.read_bytes() for path in paths])}
    pictures = [images.load(name) for name in names]
    decoding = seconds_of(lambda: [images.load(name) for name in names])
    seconds["decode"] = decoding - seconds["read the file"]
    no_boxes, random = torch.zeros(0, 4), np.random.default_rng(0)
    seconds["resize, to a tensor"] = seconds_of(
        lambda: [dataset.transform(picture, no_boxes, "", random) for picture in pictures]
    )
    label_lists = [index.targets[row] for row in range(len(dataset))]
    seconds["choose the prompt"] = seconds_of(
        lambda: [dataset.prompts(row, labels, random) for row, labels in enumerate(label_lists)]
    )
    samples = [dataset[row] for row in range(len(dataset))]
    collate = Collate(dataset.tokenizer, training=True)
    seconds["tokenise, pad, make targets"] = seconds_of(
        lambda: [collate(samples[row : row + BATCH]) for row in range(0, len(samples), BATCH)]
    )
    return seconds


def report(dataset: GroundedDataset, reader: CocoJson, rounds: int) -> None:
    """Time everything and print both tables."""
    names = [dataset.index.images[row] for row in range(len(dataset))]
    seconds = compare(dataset, [Path(str(reader.images), name) for name in names], rounds)
    alone, samples = np.median(len(names) / seconds, axis=0)
    print(f"decode + resize alone  {alone:6.1f} images/s")
    print(f"samples in batches     {samples:6.1f} images/s")
    print(f"share of the possible  {100 * median(seconds[:, 0] / seconds[:, 1]):6.1f} %")
    pillow, pytorch = resizes([dataset.images.load(name) for name in names], rounds)
    print(f"resize to a tensor     {pillow:6.2f} ms by Pillow, {pytorch:.2f} ms by PyTorch")
    print(f"  ratio                {pillow / pytorch:6.1f}")
    steps = step_seconds(dataset, reader)
    for step, step_time in steps.items():
        print(f"  {step:26}{100 * step_time / sum(steps.values()):5.1f} %")


def main() -> None:
    options = read_options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        reader = write(root, options.copies)
        dataset = training_set(
            reader,
            root / "index",
            ResizeFlip([SHORT_SIDE], LONG_SIDE, flip=0.5),
            load_tokenizer(TOKENIZER_SOURCE),
            sampler=CategorySampler(),
        )
        report(dataset, reader, options.rounds)


if __name__ == "__main__":
    main()
