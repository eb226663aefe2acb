"""The protocols once more, one box at a time, as their papers describe them.

Written without a look at the package's arrays: plain dictionaries and loops.
"""

import random
from collections.abc import Sequence
from typing import Any

IOUS = [0.5 + 0.05 * step for step in range(10)]
Box = Sequence[float]


def iou(first: Box, second: Box, crowd: bool = False) -> float:
    """Of x, y, width, height."""
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    high = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    inside = max(wide, 0) * max(high, 0)
    area = first[2] * first[3]
    union = area if crowd else area + second[2] * second[3] - inside
    return inside / union if union else 0.0


def average_precision(
    content: dict[str, Any],
    results: Sequence[dict[str, Any]],
    per_class: int | None,
    federated: bool,
    area: tuple[float, float] = (0, 1e10),
) -> dict[int, float]:
    """AP of every category with something to find, over the ten thresholds."""
    found: dict[int, float] = {}
    for category in sorted(one["id"] for one in content["categories"]):
        scores = [_of_category(content, results, category, t, per_class, federated, area)
                  for t in IOUS]  # fmt: skip
        if scores[0] is not None:
            found[category] = sum(score or 0.0 for score in scores) / len(scores)
    return found


def _of_category(
    content: dict[str, Any],
    results: Sequence[dict[str, Any]],
    category: int,
    threshold: float,
    per_class: int | None,
    federated: bool,
    area: tuple[float, float],
) -> float | None:
    total, verdicts = 0, []
    for image in sorted(content["images"], key=lambda one: one["id"]):
        mine = [one for one in content["annotations"]
                if (one["image_id"], one["category_id"]) == (image["id"], category)]  # fmt: skip
        if federated and not mine and category not in image["neg_category_ids"]:
            continue
        skipped = [
            bool(one.get("iscrowd")) or not area[0] <= one["area"] <= area[1] for one in mine
        ]
        total += skipped.count(False)
        answers = [one for one in results
                   if (one["image_id"], one["category_id"]) == (image["id"], category)]  # fmt: skip
        answers = sorted(answers, key=lambda one: -one["score"])[:per_class]
        used: set[int] = set()
        for answer in answers:
            best: int | None = None
            for wanted in (False, True):  # boxes that do not count only if there is no other
                least = min(threshold, 1 - 1e-10)
                for index, one in enumerate(mine):
                    crowd = bool(one.get("iscrowd"))
                    overlap = iou(answer["bbox"], one["bbox"], crowd)
                    free = skipped[index] == wanted and (index not in used or crowd)
                    if (best is None or skipped[best] == wanted) and free and overlap >= least:
                        best, least = index, overlap
            size = answer["bbox"][2] * answer["bbox"][3]
            if best is not None:
                used.add(best)
                counts = not skipped[best]
            else:
                counts = area[0] <= size <= area[1] and not (
                    federated and category in image["not_exhaustive_category_ids"]
                )
            if counts:
                verdicts.append((answer["score"], best is not None))
    if total == 0:
        return None
    verdicts.sort(key=lambda one: -one[0])
    points, hits = [], 0
    for place, (_, right) in enumerate(verdicts, start=1):
        hits += right
        points.append((hits / total, hits / place))
    reached = 0.0
    for step in range(101):
        reached += max((p for recall, p in points if recall >= step * 0.01 - 1e-12), default=0.0)
    return reached / 101


def keep_per_image(results: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The best of each image, over all categories."""
    kept = []
    for image in {one["image_id"] for one in results}:
        mine = [one for one in results if one["image_id"] == image]
        kept += sorted(mine, key=lambda one: -one["score"])[:limit]
    return kept


def keep_per_class(results: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The best of each category in the whole set; of equal ones those of the lower image ids."""
    kept = []
    for category in {one["category_id"] for one in results}:
        mine = [one for one in results if one["category_id"] == category]
        kept += sorted(mine, key=lambda one: (-one["score"], one["image_id"]))[:limit]
    return kept


def recall_at(
    phrases: Sequence[Sequence[Box]], answers: Sequence[Sequence[Box]], limit: int, union: bool
) -> float:
    """Share of phrases with a right box (corners) among the first answers, which are sorted."""
    hits = 0
    for boxes, mine in zip(phrases, answers, strict=True):
        wanted = [list(box) for box in boxes]
        if union:
            wanted = [[min(b[0] for b in boxes), min(b[1] for b in boxes),
                       max(b[2] for b in boxes), max(b[3] for b in boxes)]]  # fmt: skip
        hits += any(
            iou(_sides(answer), _sides(box)) >= 0.5 for answer in mine[:limit] for box in wanted
        )
    return hits / len(phrases)


def _sides(corners: Box) -> Box:
    x1, y1, x2, y2 = corners
    return x1, y1, x2 - x1, y2 - y1


def some_set(
    seed: int, federated: bool, images: int = 6, categories: int = 4
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Random annotations and answers: ties, crowds, empty images, lists of LVIS."""
    draw = random.Random(seed)

    def box() -> list[float]:
        side = draw.choice([12, 40, 120])
        return [draw.randint(0, 40), draw.randint(0, 40), side + draw.randint(0, 6), side]

    content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for category in range(1, categories + 1):
        content["categories"].append(
            {"id": 3 * category, "name": f"c{category}", "frequency": "rcf"[category % 3]}
        )
    ids = [one["id"] for one in content["categories"]]
    results: list[dict[str, Any]] = []
    for image in draw.sample(range(1, 100), images):
        present = draw.sample(ids, draw.randint(0, 2))
        others = [one for one in ids if one not in present]
        content["images"].append(
            {
                "id": image, "file_name": f"{image}.jpg", "height": 200, "width": 200,
                "neg_category_ids": draw.sample(others, min(1, len(others))),
                "not_exhaustive_category_ids": draw.sample(present, min(1, len(present))),
            }
        )  # fmt: skip
        for _ in range(draw.choice([0, 3, 6]) if present else 0):
            where = box()
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1, "image_id": image, "bbox": where,
                    "category_id": draw.choice(present), "area": where[2] * where[3] * 0.7,
                    "iscrowd": int(not federated and draw.random() < 0.2),
                }
            )  # fmt: skip
        targets = [one for one in content["annotations"] if one["image_id"] == image]
        for _ in range(draw.choice([0, 5, 12])):
            near = draw.choice(targets)["bbox"] if targets and draw.random() < 0.7 else box()
            results.append(
                {
                    "image_id": image, "category_id": draw.choice(ids),
                    "score": draw.choice([0.1, 0.2, 0.5, 0.5, 0.9]),
                    "bbox": [side + draw.choice([0, 0, 1, 3]) for side in near],
                }
            )  # fmt: skip
    return content, results
