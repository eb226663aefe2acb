"""The protocols in plain form, one box at a time, as their papers describe them.

Written with dictionaries and loops, independently of the package's arrays.
"""

import random
from collections.abc import Sequence
from typing import Any

import torch

from glip_pl.types import Detections

IOUS = [0.5 + 0.05 * step for step in range(10)]
Box = Sequence[float]
Entry = dict[str, Any]
"""An annotation, or an entry of a results file, in COCO's format."""


def iou(first: Box, second: Box, crowd: bool = False) -> float:
    """Of boxes x, y, width, height; with a crowd, the share of the first box inside it."""
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    high = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    inside = max(wide, 0) * max(high, 0)
    area = first[2] * first[3]
    union = area if crowd else area + second[2] * second[3] - inside
    return inside / union if union else 0.0


def average_precision(
    content: dict[str, Any],
    results: Sequence[Entry],
    per_category: int | None,
    federated: bool,
    area: tuple[float, float] = (0, 1e10),
) -> dict[int, float]:
    """AP of every category with ground-truth boxes, averaged over the ten IoU thresholds.

    The best `per_category` results of each image and category count; with `federated`, images
    where nobody has looked for the category do not.
    """
    values: dict[int, float] = {}
    for category_id in sorted(category["id"] for category in content["categories"]):
        precisions = [
            _of_category(content, results, category_id, threshold, per_category, federated, area)
            for threshold in IOUS
        ]
        if precisions[0] is not None:
            values[category_id] = sum(value or 0.0 for value in precisions) / len(precisions)
    return values


def _of_category(
    content: dict[str, Any],
    results: Sequence[Entry],
    category_id: int,
    threshold: float,
    per_category: int | None,
    federated: bool,
    area: tuple[float, float],
) -> float | None:
    """AP of a category at an IoU threshold; None without ground-truth boxes."""
    total = 0
    verdicts: list[tuple[float, bool]] = []  # score, and whether it is a true positive
    for image in sorted(content["images"], key=lambda image: image["id"]):
        boxes = _of_image_and_category(content["annotations"], image["id"], category_id)
        if federated and not boxes and category_id not in image["neg_category_ids"]:
            continue
        ignored = [
            bool(box.get("iscrowd")) or not area[0] <= box["area"] <= area[1] for box in boxes
        ]
        total += ignored.count(False)
        entries = _of_image_and_category(results, image["id"], category_id)
        entries = sorted(entries, key=lambda entry: -entry["score"])[:per_category]
        incomplete = federated and category_id in image["not_exhaustive_category_ids"]
        verdicts += _verdicts(entries, boxes, ignored, threshold, area, incomplete)
    if total == 0:
        return None
    verdicts.sort(key=lambda verdict: -verdict[0])
    return _area_under_curve([correct for _, correct in verdicts], total)


def _of_image_and_category(
    entries: Sequence[Entry], image_id: int, category_id: int
) -> list[Entry]:
    ids = (image_id, category_id)
    return [entry for entry in entries if (entry["image_id"], entry["category_id"]) == ids]


def _verdicts(
    entries: Sequence[Entry],
    boxes: Sequence[Entry],
    ignored: Sequence[bool],
    threshold: float,
    area: tuple[float, float],
    incomplete: bool,
) -> list[tuple[float, bool]]:
    """Score and correctness of the sorted results of an image, without those that do not count."""
    verdicts = []
    taken: set[int] = set()
    for entry in entries:
        best = _best_box(entry, boxes, ignored, taken, threshold)
        if best is None:
            size = entry["bbox"][2] * entry["bbox"][3]
            counts = area[0] <= size <= area[1] and not incomplete
        else:
            taken.add(best)
            counts = not ignored[best]
        if counts:
            verdicts.append((entry["score"], best is not None))
    return verdicts


def _best_box(
    entry: Entry,
    boxes: Sequence[Entry],
    ignored: Sequence[bool],
    taken: set[int],
    threshold: float,
) -> int | None:
    """Index of the free box with the largest IoU; an ignored one only if there is no other."""
    for among_ignored in (False, True):
        best, least = None, min(threshold, 1 - 1e-10)
        for index, box in enumerate(boxes):
            crowd = bool(box.get("iscrowd"))
            free = ignored[index] == among_ignored and (index not in taken or crowd)
            overlap = iou(entry["bbox"], box["bbox"], crowd)
            if free and overlap >= least:
                best, least = index, overlap
        if best is not None:
            return best
    return None


def _area_under_curve(correct: Sequence[bool], total: int) -> float:
    """Mean over 101 recalls of the best precision from there on."""
    points, hits = [], 0
    for count, is_correct in enumerate(correct, start=1):
        hits += is_correct
        points.append((hits / total, hits / count))
    reached = 0.0
    for step in range(101):
        reached += max((p for recall, p in points if recall >= step * 0.01 - 1e-12), default=0.0)
    return reached / 101


def best_per_image(results: Sequence[Entry], limit: int) -> list[Entry]:
    """The best results of each image, over all categories."""
    best = []
    for image_id in {entry["image_id"] for entry in results}:
        entries = [entry for entry in results if entry["image_id"] == image_id]
        best += sorted(entries, key=lambda entry: -entry["score"])[:limit]
    return best


def best_per_category(results: Sequence[Entry], limit: int) -> list[Entry]:
    """The best results of each category in the whole set; of equal ones the lower image ids."""
    best = []
    for category_id in {entry["category_id"] for entry in results}:
        entries = [entry for entry in results if entry["category_id"] == category_id]
        best += sorted(entries, key=lambda entry: (-entry["score"], entry["image_id"]))[:limit]
    return best


def recall_at(
    phrases: Sequence[Sequence[Box]], answers: Sequence[Sequence[Box]], limit: int, union: bool
) -> float:
    """Share of phrases with a correct box among the best `limit` of their sorted answers.

    All boxes are corners; with `union`, the box around all boxes of a phrase is the only target.
    """
    hits = 0
    for boxes, answer in zip(phrases, answers, strict=True):
        targets = [list(box) for box in boxes]
        if union:
            targets = [[min(b[0] for b in boxes), min(b[1] for b in boxes),
                        max(b[2] for b in boxes), max(b[3] for b in boxes)]]  # fmt: skip
        hits += any(
            iou(_sides(corners), _sides(box)) >= 0.5
            for corners in answer[:limit]
            for box in targets
        )
    return hits / len(phrases)


def _sides(corners: Box) -> Box:
    x1, y1, x2, y2 = corners
    return x1, y1, x2 - x1, y2 - y1


def random_set(
    seed: int, federated: bool, images: int = 6, categories: int = 4
) -> tuple[dict[str, Any], list[Entry]]:
    """Random annotations and results with ties, crowds, empty images and the lists of LVIS."""
    draw = random.Random(seed)
    content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for category in range(1, categories + 1):
        content["categories"].append(
            {"id": 3 * category, "name": f"c{category}", "frequency": "rcf"[category % 3]}
        )
    category_ids = [category["id"] for category in content["categories"]]
    results: list[Entry] = []
    for image_id in draw.sample(range(1, 100), images):
        present = draw.sample(category_ids, draw.randint(0, 2))
        others = [category_id for category_id in category_ids if category_id not in present]
        content["images"].append(
            {
                "id": image_id, "file_name": f"{image_id}.jpg", "height": 200, "width": 200,
                "neg_category_ids": draw.sample(others, min(1, len(others))),
                "not_exhaustive_category_ids": draw.sample(present, min(1, len(present))),
            }
        )  # fmt: skip
        annotations = _random_annotations(draw, image_id, present, federated)
        for annotation in annotations:
            content["annotations"].append({"id": len(content["annotations"]) + 1, **annotation})
        results += _random_results(draw, image_id, annotations, category_ids)
    return content, results


def _random_box(draw: random.Random) -> list[float]:
    side = draw.choice([12, 40, 120])
    return [draw.randint(0, 40), draw.randint(0, 40), side + draw.randint(0, 6), side]


def _random_annotations(
    draw: random.Random, image_id: int, present: Sequence[int], federated: bool
) -> list[Entry]:
    annotations = []
    for _ in range(draw.choice([0, 3, 6]) if present else 0):
        box = _random_box(draw)
        annotations.append(
            {
                "image_id": image_id, "bbox": box,
                "category_id": draw.choice(present), "area": box[2] * box[3] * 0.7,
                "iscrowd": int(not federated and draw.random() < 0.2),
            }
        )  # fmt: skip
    return annotations


def _random_results(
    draw: random.Random,
    image_id: int,
    annotations: Sequence[Entry],
    category_ids: Sequence[int],
) -> list[Entry]:
    """Results near the annotated boxes, and a few anywhere."""
    results = []
    for _ in range(draw.choice([0, 5, 12])):
        near_a_box = annotations and draw.random() < 0.7
        box = draw.choice(annotations)["bbox"] if near_a_box else _random_box(draw)
        results.append(
            {
                "image_id": image_id, "category_id": draw.choice(category_ids),
                "score": draw.choice([0.1, 0.2, 0.5, 0.5, 0.9]),
                "bbox": [side + draw.choice([0, 0, 1, 3]) for side in box],
            }
        )  # fmt: skip
    return results


def detections_of_images(
    content: dict[str, Any], results: Sequence[Entry]
) -> list[tuple[int, Detections]]:
    """Id and detections of every image, as a model returns them."""
    category_ids = sorted(category["id"] for category in content["categories"])
    images = []
    for image in content["images"]:
        entries = [entry for entry in results if entry["image_id"] == image["id"]]
        entries.sort(key=lambda entry: -entry["score"])
        boxes = torch.tensor([entry["bbox"] for entry in entries], dtype=torch.float32).view(-1, 4)
        boxes[:, 2:] += boxes[:, :2] - 1  # corners with both end pixels inside
        scores = torch.tensor([entry["score"] for entry in entries])
        labels = [category_ids.index(entry["category_id"]) for entry in entries]
        detections = Detections(boxes, scores, torch.tensor(labels, dtype=torch.int64))
        images.append((image["id"], detections))
    return images
