"""COCO's figures counted a second time by pycocotools, the protocol's own implementation."""

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from glip_pl.data.truth import Truth
from glip_pl.errors import some
from glip_pl.metrics.detections_table import DetectionsTable

TWELVE = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""Names of COCO's figures, in the order of pycocotools."""

TOLERANCE = 1e-6
"""Largest difference of two figures in 0..1 that count as equal."""

MOST_PAIRS, MOST_DETECTIONS = 2_000_000, 2_000_000
"""Pairs of image and category, and detections, of the largest set that is counted again.

pycocotools visits every pair in a Python loop. COCO val2017 has 400,000 pairs and at most 500,000
detections, which take it 34 s on a CPU core (docs/results.md).
"""


@dataclass(frozen=True)
class SecondCount:
    """Whether two implementations find the same figures."""

    difference: float | None  # the largest, of figures in 0..1; None if nothing was counted again
    differing: tuple[str, ...] = ()  # figures that differ by more than TOLERANCE
    skipped: str = ""  # why nothing was counted again

    def __str__(self) -> str:
        """The outcome in words."""
        if self.skipped:
            return f"not counted again: {self.skipped}"
        if not self.differing:
            return f"pycocotools finds the same figures (largest difference {self.difference:.1g})"
        return (
            f"pycocotools finds other figures, by up to {self.difference:.2g}: "
            f"{some(list(self.differing))}. Please report this with the annotations and detections"
        )

    def entry(self) -> dict[str, Any]:
        """What results.json says about it."""
        if self.skipped:
            return {"agrees": None, "skipped": self.skipped}
        return {
            "agrees": not self.differing,
            "largest_difference": self.difference,
            "differing": list(self.differing),
            "version": version("pycocotools"),
        }


def second_count(
    figures: Mapping[str, float], truth: Truth, detections: DetectionsTable
) -> SecondCount:
    """Compare COCO's figures (in 0..1, NaN without boxes) with those of pycocotools.

    A set that pycocotools would take very long for is skipped.
    """
    pairs = len(truth.image_ids) * len(truth.names)
    if pairs > MOST_PAIRS or len(detections) > MOST_DETECTIONS:
        return SecondCount(
            None,
            skipped=f"pycocotools would take too long for {len(truth.image_ids)} images x "
            f"{len(truth.names)} categories and {len(detections)} detections",
        )
    if not len(truth.image_ids) or not len(truth.names):
        return SecondCount(None, skipped="there is nothing to count")
    known = pycocotools_figures(truth, detections)
    differences = {
        name: abs(np.nan_to_num(figures.get(name, np.nan), nan=-1) - value)
        for name, value in known.items()
    }
    differing = tuple(name for name, value in differences.items() if not value <= TOLERANCE)
    return SecondCount(float(max(differences.values())), differing)


def pycocotools_figures(truth: Truth, detections: DetectionsTable) -> dict[str, float]:
    """COCO's twelve figures and AP/<category> by pycocotools, in 0..1; -1 without boxes.

    Categories are independent of each other until the last mean, and are counted one by one,
    because pycocotools needs kilobytes of memory for each detection.
    """
    precisions, recalls = [], []
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        for label in range(len(truth.names)):
            evaluator = COCOeval(_boxes(truth, label), _found(truth, detections, label), "bbox")
            evaluator.evaluate()
            evaluator.accumulate()
            precisions.append(evaluator.eval["precision"])  # (T, R, 1, sizes, limits)
            recalls.append(evaluator.eval["recall"])  # (T, 1, sizes, limits)
        evaluator.eval["precision"] = np.concatenate(precisions, axis=2)
        evaluator.eval["recall"] = np.concatenate(recalls, axis=1)
        evaluator.summarize()
    figures = dict(zip(TWELVE, map(float, evaluator.stats), strict=True))
    for name, precision in zip(truth.names, precisions, strict=True):
        values = precision[:, :, 0, 0, -1]  # all sizes, 100 detections
        if (values > -1).any():
            figures[f"AP/{name}"] = float(values[values > -1].mean())
    return figures


def _boxes(truth: Truth, label: int) -> COCO:
    """The ground truth of a category."""
    rows = truth.labels == label
    columns = (truth.images[rows], truth.boxes[rows], truth.areas[rows], truth.crowds[rows])
    return _coco(
        truth,
        [
            {"image_id": image, "bbox": box, "area": area, "iscrowd": int(crowd)}
            for image, box, area, crowd in zip(*(one.tolist() for one in columns), strict=True)
        ],
    )


def _found(truth: Truth, detections: DetectionsTable, label: int) -> COCO:
    """The detections of a category."""
    found = detections[detections.labels == label]
    columns = (found.images, found.boxes, found.scores)
    return _coco(
        truth,
        [
            {"image_id": image, "bbox": box, "area": box[2] * box[3], "score": score}
            for image, box, score in zip(*(one.tolist() for one in columns), strict=True)
        ],
    )


def _coco(truth: Truth, entries: list[dict[str, Any]]) -> COCO:
    """Annotations of a single category as pycocotools keeps them; images are numbered by rows.

    Annotations are numbered from 1: pycocotools takes a match with number 0 for none.
    """
    coco = COCO()
    coco.dataset = {
        "images": [{"id": row} for row in range(len(truth.image_ids))],
        "categories": [{"id": 0}],
        "annotations": [
            {"id": number, "category_id": 0, **entry} for number, entry in enumerate(entries, 1)
        ],
    }
    coco.createIndex()
    return coco
