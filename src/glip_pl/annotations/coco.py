"""Writes COCO JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.files.writing import write_whole

DECIMALS = 4
"""Decimals of pixels in files."""


def write_coco(images: Sequence[AnnotatedImage], categories: Sequence[str], path: Path) -> None:
    """Write one JSON file; ids count from 1, and boxes that a model found have a `score`."""
    head = {
        "info": {"description": "written by glip_pl"},
        "licenses": [],
        "categories": [
            {"id": label + 1, "name": name, "supercategory": ""}
            for label, name in enumerate(categories)
        ],
    }
    with write_whole(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=1).removesuffix("\n}"))
        for key, entries in (("images", _images(images)), ("annotations", _annotations(images))):
            file.write(f',\n "{key}": ')
            write_list(file, entries)
        file.write("\n}\n")


def write_list(file: TextIO, entries: Iterable[Any]) -> None:
    """Write a JSON list with an entry per line, without holding all of them in memory."""
    separator = "["
    for entry in entries:
        file.write(f"{separator}\n{json.dumps(entry, allow_nan=False)}")
        separator = ","
    file.write("[]" if separator == "[" else "\n]")


def _images(images: Sequence[AnnotatedImage]) -> Iterator[dict[str, Any]]:
    for number, image in enumerate(images, start=1):
        height, width = image.size
        yield {"id": number, "file_name": image.name, "width": width, "height": height}


def _annotations(images: Sequence[AnnotatedImage]) -> Iterator[dict[str, Any]]:
    number = 0
    for image_id, image in enumerate(images, start=1):
        sides = image.boxes[:, 2:] - image.boxes[:, :2]
        xywh = np.concatenate([image.boxes[:, :2], sides], axis=1)
        for row, (box, label) in enumerate(zip(xywh, image.labels.tolist(), strict=True)):
            number += 1
            entry = {
                "id": number,
                "image_id": image_id,
                "category_id": label + 1,
                "bbox": rounded(box),
                "area": round(float(box[2] * box[3]), DECIMALS),
                "iscrowd": 0,
                "segmentation": [],
            }
            yield entry | score_of(image, row)


def rounded(values: Any) -> list[float]:
    """Numbers with at most DECIMALS decimals."""
    numbers: list[float] = np.round(np.asarray(values, dtype=np.float64), DECIMALS).tolist()
    return numbers


def score_of(image: AnnotatedImage, row: int) -> dict[str, float]:
    """The entry `score` of a box; none if people drew the boxes."""
    return {} if image.scores is None else {"score": round(float(image.scores[row]), DECIMALS)}
