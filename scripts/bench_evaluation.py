"""How long figures take: LVIS minival's size with all detections, and COCO beside pycocotools.

    python -m scripts.bench_evaluation

Random boxes of a set of LVIS minival's size (4,809 images, 300 detections each) go through the
metric image by image, as an evaluation hands them over. Then both programs compute COCO's twelve
numbers of the same detections, in turn; the ratio is the one to read.
"""

import argparse
import contextlib
import io
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from glip_pl.data.formats.coco import CocoJson
from glip_pl.metrics.coco import coco_figures
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.lvis import LVISAveragePrecision
from glip_pl.training.callbacks.throughput import peak_memory_gb
from glip_pl.types import Detections

BOXES = 12  # an image has on average, in LVIS val
KNOWN = 8  # categories that an image is known not to have


def annotations(images: int, categories: int, random: np.random.Generator) -> dict[str, Any]:
    """A file of LVIS's form."""
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [
            {"id": one + 1, "name": f"c{one}", "frequency": "rcf"[one % 3]}
            for one in range(categories)
        ],
    }
    for image in range(images):
        present = random.integers(1, categories + 1, size=4)
        content["images"].append(
            {
                "id": image + 1,
                "file_name": f"{image}.jpg",
                "height": 480,
                "width": 640,
                "neg_category_ids": random.integers(1, categories + 1, size=KNOWN).tolist(),
                "not_exhaustive_category_ids": present[:1].tolist(),
            }
        )
        for box in some_boxes(int(random.poisson(BOXES)), random):
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image + 1,
                    "category_id": int(random.choice(present)),
                    "bbox": box.round(2).tolist(),
                    "area": float(box[2] * box[3]),
                    "iscrowd": 0,
                }
            )
    return content


def some_boxes(count: int, random: np.random.Generator) -> Any:
    """x, y, width, height of large and small boxes."""
    sides = np.exp(random.uniform(2, 5.5, (count, 2)))
    return np.concatenate([random.uniform(0, 400, (count, 2)), sides], axis=1)


def answers(content: dict[str, Any], count: int, random: np.random.Generator) -> list[Detections]:
    """Half of each image's detections lie near its boxes."""
    boxes_of: dict[int, list[tuple[list[float], int]]] = {}
    for one in content["annotations"]:
        boxes_of.setdefault(one["image_id"], []).append((one["bbox"], one["category_id"] - 1))
    found = []
    for image in content["images"]:
        boxes = some_boxes(count, random)
        labels = random.integers(len(content["categories"]), size=count)
        mine = boxes_of.get(image["id"], [])
        for row in range(count // 2 if mine else 0):
            box, labels[row] = mine[row % len(mine)]
            boxes[row] = np.asarray(box) * random.uniform(0.85, 1.15, 4)
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:] - 1], axis=1)
        scores = np.sort(random.random(count))[::-1].copy()
        order = random.permutation(count)
        found.append(
            Detections(
                torch.from_numpy(corners[order]).float(),
                torch.from_numpy(scores).float(),
                torch.from_numpy(labels[order]),
            )
        )
    return found


def lvis(folder: Path, images: int, random: np.random.Generator) -> None:
    content = annotations(images, 1203, random)
    path = folder / "lvis.json"
    path.write_text(json.dumps(content))
    found = answers(content, 300, random)
    before = peak_memory_gb()
    started = time.perf_counter()
    metric = LVISAveragePrecision(CocoJson(path, folder).truth)
    for image, one in zip(content["images"], found, strict=True):
        metric.update([one], [image["id"]])
    updated = time.perf_counter()
    figures = metric.compute()
    seconds = time.perf_counter() - started
    print(f"LVIS, {images} images x 300 detections: {seconds:.1f} s in all")
    print(f"  of which collecting {updated - started:.1f} s")
    print(f"  peak memory {peak_memory_gb():.2f} GB, {before:.2f} of it before")
    print(f"  AP {100 * figures['AP']:.2f}, standard {100 * figures['AP_standard']:.2f}")


def coco(folder: Path, images: int, rounds: int, random: np.random.Generator) -> None:
    content = annotations(images, 80, random)
    path = folder / "coco.json"
    path.write_text(json.dumps(content))
    found = answers(content, 100, random)
    truth = CocoJson(path, folder).truth()
    results = [
        {"image_id": image["id"], "category_id": int(label) + 1, "bbox": box, "score": score}
        for image, one in zip(content["images"], found, strict=True)
        for label, score, box in zip(
            one.phrase_ids, one.scores.tolist(), plain_boxes(one), strict=True
        )
    ]
    times: dict[str, list[float]] = {"ours": [], "pycocotools": []}
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(str(path))
        theirs = known.loadRes(results)
    ours = DetectionsTable.from_coco(results, truth.image_ids, truth.category_ids)
    for _ in range(rounds):
        started = time.perf_counter()
        figures = coco_figures(truth, ours)
        times["ours"].append(time.perf_counter() - started)
        with contextlib.redirect_stdout(io.StringIO()):
            started = time.perf_counter()
            evaluator = COCOeval(known, theirs, "bbox")
            evaluator.evaluate()
            evaluator.accumulate()
            times["pycocotools"].append(time.perf_counter() - started)
            evaluator.summarize()
    apart = max(
        abs(one - other)
        for one, other in zip(list(figures.values())[:12], evaluator.stats, strict=True)
    )
    print(f"COCO, {images} images x 100 detections, 80 categories")
    for name, seconds in times.items():
        print(f"  {name:12}{median(seconds):8.2f} s")
    ratios = [b / a for a, b in zip(times["ours"], times["pycocotools"], strict=True)]
    print(f"  ratio {median(ratios):.1f}; the twelve numbers differ by {apart:.1e} at most")


def plain_boxes(found: Detections) -> list[list[float]]:
    boxes = found.boxes.double()
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    rows: list[list[float]] = torch.cat([boxes[:, :2], sides], 1).tolist()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4809, help="of the LVIS part")
    parser.add_argument("--coco-images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        lvis(Path(folder), given.images, random)
        coco(Path(folder), given.coco_images, given.rounds, random)


if __name__ == "__main__":
    main()
