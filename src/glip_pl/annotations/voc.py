"""Writes a folder in Pascal VOC's form: an XML file for each picture, lists, and the pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.names import distinct_files
from glip_pl.annotations.pictures import place_picture
from glip_pl.annotations.xml_texts import xml_lines, xml_text


def write_voc(
    splits: Mapping[str, Sequence[AnnotatedImage]],
    categories: Sequence[str],
    folder: Path,
    copy_pictures: bool,
) -> None:
    """Write Annotations/, ImageSets/Main/<split>.txt, labelmap.txt and JPEGImages/ into a folder.

    All XML files lie in one folder, so the folders of a picture become part of its name: a/b.jpg is
    a_b.jpg. Boxes are whole pixels; the form has no place for scores.
    """
    everything = [image for images in splits.values() for image in images]
    files = iter(distinct_files([image.name for image in everything], flat=True))
    annotations, lists = folder / "Annotations", folder / "ImageSets" / "Main"
    annotations.mkdir(parents=True)
    lists.mkdir(parents=True)
    for split, images in splits.items():
        stems = []
        for image in images:
            file = next(files)
            stems.append(f"{Path(file).stem}\n")
            tree = _tree(image, file if copy_pictures else image.name, categories)
            (annotations / f"{Path(file).stem}.xml").write_text(xml_lines(tree), encoding="utf-8")
            if copy_pictures:
                place_picture(image.path, folder / "JPEGImages" / file)
        (lists / f"{split}.txt").write_text("".join(stems), encoding="utf-8")
    # CVAT and Datumaro take names that are not VOC's own only from this file.
    lines = [f"{name}:::\n" for name in categories if ":" not in name]
    text = "".join(["# label:color_rgb:parts:actions\n", *lines])
    (folder / "labelmap.txt").write_text(text, encoding="utf-8")


def _tree(image: AnnotatedImage, file: str, categories: Sequence[str]) -> Element:
    """The content of the XML file of a picture."""
    height, width = image.size
    root = Element("annotation")
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", file)
    _add(SubElement(root, "source"), "database", "glip_pl")
    size = SubElement(root, "size")
    for side, pixels in (("width", width), ("height", height), ("depth", 3)):
        _add(size, side, str(pixels))
    _add(root, "segmented", "0")
    for box, label in zip(image.boxes.tolist(), image.labels.tolist(), strict=True):
        thing = SubElement(root, "object")
        _add(thing, "name", categories[label])
        for key, value in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            _add(thing, key, value)
        corners = SubElement(thing, "bndbox")
        for key, pixel in zip(("xmin", "ymin", "xmax", "ymax"), _pixels(box), strict=True):
            _add(corners, key, str(pixel))
    return root


def _pixels(box: Sequence[float]) -> list[int]:
    """The first and the last pixel of a box in each direction, counted from 1."""
    x1, y1, x2, y2 = (round(value) for value in box)
    return [x1 + 1, y1 + 1, max(x2, x1 + 1), max(y2, y1 + 1)]


def _add(parent: Element, key: str, text: str) -> None:
    SubElement(parent, key).text = xml_text(text)
