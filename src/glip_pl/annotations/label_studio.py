"""Writes tasks for Label Studio, and the labelling configuration to paste there."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.coco import score_of, write_list
from glip_pl.annotations.xml_texts import xml_lines, xml_text
from glip_pl.files.writing import write_whole

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio addresses a file below its folder of local files."""

PICTURE, LABEL = "image", "label"
"""Names of the two parts of the configuration, to which the boxes of a task refer."""


def config_path(path: Path) -> Path:
    """The labelling configuration beside a file of tasks."""
    return path.with_name(f"{path.stem}_config.xml")


def write_label_studio(
    images: Sequence[AnnotatedImage], categories: Sequence[str], path: Path
) -> None:
    """Write a list of tasks and beside it the configuration.

    Boxes that a model found are predictions, which a person accepts or corrects; boxes that people
    drew are annotations.
    """
    with write_whole(config_path(path)) as partial:
        partial.write_text(xml_lines(_config(categories)), encoding="utf-8")
    with write_whole(path) as partial, partial.open("w", encoding="utf-8") as file:
        write_list(file, (_task(image, categories) for image in images))
        file.write("\n")


def _config(categories: Sequence[str]) -> Element:
    view = Element("View")
    SubElement(view, "Image", name=PICTURE, value=f"${PICTURE}")
    labels = SubElement(view, "RectangleLabels", name=LABEL, toName=PICTURE)
    for name in categories:
        SubElement(labels, "Label", value=xml_text(name))
    return view


def _task(image: AnnotatedImage, categories: Sequence[str]) -> dict[str, Any]:
    result = list(_regions(image, categories))
    data = {PICTURE: LOCAL_FILES + quote(image.name, errors="surrogateescape")}
    if image.scores is None:
        return {"data": data, "annotations": [{"result": result}]}
    score = float(image.scores.max(initial=0))
    return {
        "data": data,
        "predictions": [{"model_version": "glip_pl", "score": round(score, 4), "result": result}],
    }


def _regions(image: AnnotatedImage, categories: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The boxes in percent of the picture."""
    height, width = image.size
    corners = image.boxes * 100 / np.asarray([width, height, width, height])
    for row, ((x1, y1, x2, y2), label) in enumerate(
        zip(corners.tolist(), image.labels.tolist(), strict=True)
    ):
        sides = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
        value = {key: round(side, 6) for key, side in sides.items()}
        yield {
            "id": f"box{row}",
            "type": "rectanglelabels",
            "from_name": LABEL,
            "to_name": PICTURE,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {**value, "rotation": 0, "rectanglelabels": [categories[label]]},
            **score_of(image, row),
        }
