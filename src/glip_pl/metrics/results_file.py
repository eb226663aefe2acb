"""Detections as COCO's list of results, which other programs and servers read."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.data.truth import PhraseTruth, Truth
from glip_pl.metrics.detections_table import DetectionsTable


def write_results(truth: Truth | PhraseTruth, found: DetectionsTable, path: Path) -> None:
    """One entry a line: image_id, bbox [x, y, width, height], score, and category_id or phrase.

    Ids are those of the annotation file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".tmp")
    with half.open("w") as file:
        for row in range(len(found)):
            file.write("[\n" if row == 0 else ",\n")
            json.dump(_entry(truth, found, row), file)
        file.write("\n]\n" if len(found) else "[]\n")
    half.replace(path)


def _entry(truth: Truth | PhraseTruth, found: DetectionsTable, row: int) -> dict[str, Any]:
    label = int(found.labels[row])
    box = found.boxes[row]
    if isinstance(truth, PhraseTruth):
        box = np.concatenate([box[:2], box[2:] - box[:2]])
        asked = {"phrase": label}
    else:
        asked = {"category_id": int(truth.category_ids[label])}
    return {
        "image_id": int(truth.image_ids[found.images[row]]),
        **asked,
        "bbox": [round(float(side), 3) for side in box],
        "score": round(float(found.scores[row]), 6),
    }
