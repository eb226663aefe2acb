"""Writes detections in COCO's results format, which other programs and servers read."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.data.truth import PhraseTruth, Truth
from glip_pl.files.writing import write_whole
from glip_pl.metrics.detections_table import DetectionsTable


def write_detections(truth: Truth | PhraseTruth, detections: DetectionsTable, path: Path) -> None:
    """Write a JSON list with one detection per line.

    An entry has image_id, bbox [x, y, width, height], score, and category_id or phrase, where
    ids are those of the annotation file and phrases are numbered within their caption.
    """
    with write_whole(path) as partial, partial.open("w", encoding="utf-8") as file:
        for row in range(len(detections)):
            file.write("[\n" if row == 0 else ",\n")
            json.dump(_entry(truth, detections, row), file)
        file.write("\n]\n" if len(detections) else "[]\n")


def _entry(truth: Truth | PhraseTruth, detections: DetectionsTable, row: int) -> dict[str, Any]:
    label = int(detections.labels[row])
    box = detections.boxes[row]
    image = int(detections.images[row])
    image_id: int | str = int(truth.image_ids[image])
    if isinstance(truth, PhraseTruth):
        box = np.concatenate([box[:2], box[2:] - box[:2]])
        target = {"phrase": label}
    else:
        target = {"category_id": int(truth.category_ids[label])}
        image_id = image_id if truth.text_ids is None else truth.text_ids[image]
    return {
        "image_id": image_id,
        **target,
        "bbox": [round(float(side), 3) for side in box],
        "score": round(float(detections.scores[row]), 6),
    }
