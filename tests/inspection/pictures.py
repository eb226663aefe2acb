"""COCO folders whose pictures do not have the annotated size."""

import json
from pathlib import Path

from PIL import Image

from glip_pl.data.formats.coco import CocoJson

ORIENTATION = 0x0112
"""EXIF tag that says how the camera was held."""

QUARTER_TURN = 6
"""Value of that tag: the stored picture must be turned by 90 degrees clockwise."""

HALF_TURN = 3
"""Value of that tag: the stored picture must be turned by 180 degrees."""

WIDTH, HEIGHT = 400, 300
"""Annotated size."""

BOX = (200, 60, 100, 120)
"""The only annotated box: x, y, width and height in the annotated size."""


def annotated_picture() -> Image.Image:
    """A black picture that is white inside BOX."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    x, y, width, height = BOX
    image.paste((255, 255, 255), (x, y, x + width, y + height))
    return image


def coco_folder(folder: Path, picture: Image.Image, orientation: int | None = None) -> CocoJson:
    """The annotation of `annotated_picture`, beside another picture."""
    (folder / "images").mkdir(parents=True)
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    picture.save(folder / "images" / "a.png", exif=exif)
    image = {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}
    box = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0}
    annotation = box | {"bbox": BOX, "area": BOX[2] * BOX[3]}
    content = {
        "images": [image],
        "annotations": [annotation],
        "categories": [{"id": 1, "name": "star"}],
    }
    (folder / "coco.json").write_text(json.dumps(content))
    return CocoJson(folder / "coco.json", folder / "images")


def square_turned(folder: Path) -> CocoJson:
    """A square photograph that is stored turned by a quarter."""
    reader = coco_folder(folder, annotated_picture(), QUARTER_TURN)
    square = Image.new("RGB", (WIDTH, WIDTH))
    square.paste(annotated_picture())
    exif = Image.Exif()
    exif[ORIENTATION] = QUARTER_TURN
    square.rotate(90).save(folder / "images" / "a.png", exif=exif)
    path = folder / "coco.json"
    path.write_text(path.read_text().replace(f'"height": {HEIGHT}', f'"height": {WIDTH}'))
    return reader


def reduced(folder: Path) -> CocoJson:
    """A copy of the picture at half its size."""
    half = annotated_picture().resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.NEAREST)
    return coco_folder(folder, half)


def turned(folder: Path) -> CocoJson:
    """A photograph that is stored turned, and was annotated upright."""
    return coco_folder(folder, annotated_picture().rotate(90, expand=True), QUARTER_TURN)


def half_turned(folder: Path) -> CocoJson:
    """A photograph that is stored upside down, so that its size does not tell how."""
    return coco_folder(folder, annotated_picture().rotate(180), HALF_TURN)


def turned_with_its_stored_size(folder: Path) -> CocoJson:
    """A photograph that is stored turned, whose annotation has its size on disk.

    The boxes were drawn on the upright picture, and are measured in the units of that size, as in
    Label Studio's exports.
    """
    shown = annotated_picture().resize((HEIGHT, WIDTH), Image.Resampling.NEAREST)
    return coco_folder(folder, shown.rotate(90, expand=True), QUARTER_TURN)


def squeezed(folder: Path) -> CocoJson:
    """A picture of other proportions."""
    return coco_folder(folder, annotated_picture().resize((WIDTH // 2, HEIGHT)))
