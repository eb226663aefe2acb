"""Writes ODVG's detection lines, and the label map beside them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.coco import rounded, score_of
from glip_pl.files.writing import write_json, write_whole

LABEL_MAP = "label_map.json"
"""Name of the file beside the lines that has the category names by label."""


def write_odvg(images: Sequence[AnnotatedImage], categories: Sequence[str], path: Path) -> None:
    """Write a JSON object per line for each picture; boxes that a model found have a `score`."""
    write_label_map(categories, path.parent)
    with write_whole(path) as partial, partial.open("w", encoding="utf-8") as file:
        for image in images:
            line = {"filename": image.name, **detection_line(image, categories)}
            file.write(json.dumps(line, allow_nan=False) + "\n")


def write_label_map(categories: Sequence[str], folder: Path) -> None:
    """Write the category names by label into a folder."""
    write_json(folder / LABEL_MAP, {str(label): name for label, name in enumerate(categories)})


def detection_line(image: AnnotatedImage, categories: Sequence[str]) -> dict[str, Any]:
    """The line of a picture without its file name."""
    height, width = image.size
    instances = [
        {
            "bbox": rounded(box),
            "label": label,
            "category": categories[label],
            **score_of(image, row),
        }
        for row, (box, label) in enumerate(zip(image.boxes, image.labels.tolist(), strict=True))
    ]
    return {"height": height, "width": width, "detection": {"instances": instances}}
