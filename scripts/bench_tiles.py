"""What tiles find in a picture that is larger than those of the training.

    python -m scripts.bench_tiles --ckpt runs/shapes_demo/.../checkpoints/best.ckpt

Pictures of ShapesWorld stand side by side in one large picture. For each side of tiles, and without
tiles, the share of objects is printed that a box of their name overlaps with an IoU above a half.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.ops import box_iou

from glip_pl.boxes import plain
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.data.shapes.world import World
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.result import Result

SIDE = 160
"""Pixels of a side of one picture."""


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", required=True)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--tiles", type=int, nargs="*", default=[320, 240, 200, 160])
    return parser.parse_args()


def large_picture(
    folder: Path, columns: int, rows: int
) -> tuple[Image.Image, Tensor, Tensor, list[str]]:
    """The picture, the boxes (N, 4) and labels (N,) of its objects, and their names."""
    world = World(detection=1, captions=1, web=1, evaluation=columns * rows, side=SIDE, seed=0)
    world.write(folder)
    reader = CocoJson(folder / "annotations/seen.json", folder / "images/seen")
    index: Index = open_index(reader, folder / "index")
    canvas = Image.new("RGB", (columns * SIDE, rows * SIDE))
    boxes, labels = [], []
    for number in range(columns * rows):
        corner = (number % columns * SIDE, number // columns * SIDE)
        canvas.paste(reader.open_images().load(index.images[number]), corner)
        boxes.append(torch.tensor(index.boxes[number]) + torch.tensor([*corner, *corner]))
        labels.append(torch.tensor(index.targets[number]))
    return canvas, plain(torch.cat(boxes)), torch.cat(labels), list(index.names)


def found(result: Result, boxes: Tensor, labels: Tensor) -> int:
    """How many objects have a box of their name."""
    if not len(result):
        return 0
    overlap = box_iou(boxes, result.boxes) * (labels[:, None] == result.labels[None])
    return int((overlap.amax(1) > 0.5).sum())


def main() -> None:
    options = read_options()
    predictor = Predictor.load(options.ckpt)
    with tempfile.TemporaryDirectory() as folder:
        canvas, boxes, labels, names = large_picture(Path(folder), options.columns, options.rows)
    for tiles in (None, *options.tiles):
        result = predictor(canvas, names, tiles=tiles, max_boxes=2000)
        share = found(result, boxes, labels) / len(boxes)
        print(f"tiles {tiles}: {share:.0%} of {len(boxes)} objects found by {len(result)} boxes")


if __name__ == "__main__":
    main()
