"""Writes CVAT's own XML, "CVAT for images 1.1"."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.coco import DECIMALS
from glip_pl.annotations.xml_texts import xml_lines, xml_text
from glip_pl.files.writing import write_whole


def write_cvat(images: Sequence[AnnotatedImage], categories: Sequence[str], path: Path) -> None:
    """Write one XML file, to be uploaded to a task that holds the pictures and has the labels.

    CVAT refuses attributes that a task does not define, so scores are left out.
    """
    with write_whole(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
        file.write("  <version>1.1</version>\n")
        file.write(xml_lines(_meta(len(images), categories), level=1))
        for number, image in enumerate(images):
            file.write(xml_lines(_image(number, image, categories), level=1))
        file.write("</annotations>\n")


def _meta(count: int, categories: Sequence[str]) -> Element:
    """The description of the task with its labels."""
    meta = Element("meta")
    task = SubElement(meta, "task")
    for key, value in (("size", str(count)), ("mode", "annotation"), ("overlap", "0")):
        SubElement(task, key).text = value
    labels = SubElement(task, "labels")
    for name in categories:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = xml_text(name)
        SubElement(label, "type").text = "rectangle"
        SubElement(label, "attributes")
    return meta


def _image(number: int, image: AnnotatedImage, categories: Sequence[str]) -> Element:
    height, width = image.size
    attributes = {"id": str(number), "name": xml_text(image.name)}
    node = Element("image", attributes | {"width": str(width), "height": str(height)})
    source = "manual" if image.scores is None else "auto"
    for box, label in zip(image.boxes.tolist(), image.labels.tolist(), strict=True):
        corners = zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True)
        SubElement(
            node,
            "box",
            {"label": xml_text(categories[label]), "source": source, "occluded": "0"}
            | {key: f"{value:.{DECIMALS}f}" for key, value in corners}
            | {"z_order": "0"},
        )
    return node
