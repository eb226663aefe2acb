"""How long metrics take: LVIS on a set of minival's size, and COCO beside pycocotools.

    python -m scripts.bench_evaluation

Random detections on a set of LVIS minival's size (4,809 images, 300 detections each) go through the
metric image by image, as in an evaluation. Then this package and pycocotools compute COCO's twelve
figures from the same detections, in turn; the ratio of their times is the result. Last comes the
check by pycocotools that an evaluation ends with, as long as for COCO val2017 with
--coco-images 5000.
"""

import argparse
import contextlib
import io
import json
import tempfile
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
from glip_pl.metrics.second_count import second_count
from glip_pl.training.callbacks.throughput import peak_memory_gb
from glip_pl.types import Detections
from scripts.benchmarking import now, seconds_of, timed

BOXES_PER_IMAGE = 12  # the average in LVIS val
ABSENT_PER_IMAGE = 8  # categories that are listed as absent from an image
LVIS_DETECTIONS, COCO_DETECTIONS = 300, 100  # per image
LVIS_CATEGORIES, COCO_CATEGORIES = 1203, 80


def annotations(images: int, categories: int, random: np.random.Generator) -> dict[str, Any]:
    """An annotation file in LVIS's format."""
    document: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [
            {"id": label + 1, "name": f"c{label}", "frequency": "rcf"[label % 3]}
            for label in range(categories)
        ],
    }
    for image in range(images):
        present = random.integers(1, categories + 1, size=4)
        absent = random.integers(1, categories + 1, size=ABSENT_PER_IMAGE)
        document["images"].append(
            {
                "id": image + 1,
                "file_name": f"{image}.jpg",
                "height": 480,
                "width": 640,
                "neg_category_ids": absent.tolist(),
                "not_exhaustive_category_ids": present[:1].tolist(),
            }
        )
        for box in random_boxes(int(random.poisson(BOXES_PER_IMAGE)), random):
            document["annotations"].append(
                {
                    "id": len(document["annotations"]) + 1,
                    "image_id": image + 1,
                    "category_id": int(random.choice(present)),
                    "bbox": box.round(2).tolist(),
                    "area": float(box[2] * box[3]),
                    "iscrowd": 0,
                }
            )
    return document


def random_boxes(count: int, random: np.random.Generator) -> Any:
    """x, y, width, height of large and small boxes."""
    sides = np.exp(random.uniform(2, 5.5, (count, 2)))
    return np.concatenate([random.uniform(0, 400, (count, 2)), sides], axis=1)


def random_detections(
    document: dict[str, Any], count: int, random: np.random.Generator
) -> list[Detections]:
    """`count` detections in each image, half of them near its ground-truth boxes."""
    truth: dict[int, list[tuple[list[float], int]]] = {}
    for annotation in document["annotations"]:
        box_and_label = annotation["bbox"], annotation["category_id"] - 1
        truth.setdefault(annotation["image_id"], []).append(box_and_label)
    detections = []
    for image in document["images"]:
        boxes = random_boxes(count, random)
        labels = random.integers(len(document["categories"]), size=count)
        own = truth.get(image["id"], [])
        for row in range(count // 2 if own else 0):
            box, labels[row] = own[row % len(own)]
            boxes[row] = np.asarray(box) * random.uniform(0.85, 1.15, 4)
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:] - 1], axis=1)
        scores = np.sort(random.random(count))[::-1].copy()
        order = random.permutation(count)
        detections.append(
            Detections(
                torch.from_numpy(corners[order]).float(),
                torch.from_numpy(scores).float(),
                torch.from_numpy(labels[order]),
            )
        )
    return detections


def results_list(
    document: dict[str, Any], detections_of_images: list[Detections]
) -> list[dict[str, Any]]:
    """Detections in the form of COCO's results file."""
    results = []
    for image, detections in zip(document["images"], detections_of_images, strict=True):
        corners = detections.boxes.double()
        sides = corners[:, 2:] - corners[:, :2] + 1
        boxes = torch.cat([corners[:, :2], sides], 1).tolist()
        labels, scores = detections.phrase_ids.tolist(), detections.scores.tolist()
        results += [
            {"image_id": image["id"], "category_id": label + 1, "bbox": box, "score": score}
            for label, score, box in zip(labels, scores, boxes, strict=True)
        ]
    return results


def bench_lvis(folder: Path, images: int, random: np.random.Generator) -> None:
    """Time LVIS's fixed and standard AP, with all detections in memory."""
    document = annotations(images, LVIS_CATEGORIES, random)
    path = folder / "lvis.json"
    path.write_text(json.dumps(document))
    detections_of_images = random_detections(document, LVIS_DETECTIONS, random)
    memory_before = peak_memory_gb()
    started = now()
    metric = LVISAveragePrecision(CocoJson(path, folder).truth)
    for image, detections in zip(document["images"], detections_of_images, strict=True):
        metric.update([detections], [image["id"]])
    updated = now()
    figures = metric.compute()
    seconds = now() - started
    print(f"LVIS, {images} images x {LVIS_DETECTIONS} detections: {seconds:.1f} s in all")
    print(f"  of which collecting {updated - started:.1f} s")
    print(f"  peak memory {peak_memory_gb():.2f} GB, {memory_before:.2f} of it before")
    print(f"  AP {100 * figures['AP']:.2f}, standard {100 * figures['AP_standard']:.2f}")


def bench_coco(folder: Path, images: int, rounds: int, random: np.random.Generator) -> None:
    """Time COCO's figures and pycocotools, in turn, and compare what they give."""
    document = annotations(images, COCO_CATEGORIES, random)
    path = folder / "coco.json"
    path.write_text(json.dumps(document))
    results = results_list(document, random_detections(document, COCO_DETECTIONS, random))
    truth = CocoJson(path, folder).truth()
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
        evaluator = COCOeval(coco, coco.loadRes(results), "bbox")
    table = DetectionsTable.from_coco(results, truth.image_ids, truth.category_ids)

    def pycocotools() -> None:
        evaluator.evaluate()
        evaluator.accumulate()

    ours, theirs = [], []
    for _ in range(rounds):
        seconds, figures = timed(lambda: coco_figures(truth, table))
        ours.append(seconds)
        with contextlib.redirect_stdout(io.StringIO()):
            theirs.append(seconds_of(pycocotools))
            evaluator.summarize()
    largest = np.abs(np.array(list(figures.values())[:12]) - evaluator.stats).max()
    print(f"COCO, {images} images x {COCO_DETECTIONS} detections, {COCO_CATEGORIES} categories")
    print(f"  {'ours':12}{median(ours):8.2f} s")
    print(f"  {'pycocotools':12}{median(theirs):8.2f} s")
    ratio = median(np.array(theirs) / np.array(ours))
    print(f"  ratio {ratio:.1f}; the twelve numbers differ by {largest:.1e} at most")
    seconds, count = timed(lambda: second_count(figures, truth, table))
    print(f"  check at the end of an evaluation: {seconds:.1f} s; {count}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4809, help="of the LVIS part")
    parser.add_argument("--coco-images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        bench_lvis(Path(folder), options.images, random)
        bench_coco(Path(folder), options.coco_images, options.rounds, random)


if __name__ == "__main__":
    main()
