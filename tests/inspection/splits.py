"""Small splits of a dataset in COCO JSON, whose boxes and names are chosen by the test."""

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Reader
from glip_pl.inspection.split_comparison import ComparedSet

BOX = (10, 10, 20, 20)
SIDE = 400


def write_split(
    root: Path,
    split: str,
    names: Sequence[str] = ("red", "blue"),
    labels: Sequence[int] = (0, 1),
    boxes: Sequence[Sequence[float]] = (),
) -> CocoJson:
    """One picture of its own colour with a box of each of the `labels`; all in `annotations/`."""
    (root / split).mkdir(parents=True)
    Image.new("RGB", (SIDE, SIDE), (len(split), 9, 9)).save(root / split / f"{split}.png")
    (root / "annotations").mkdir(exist_ok=True)
    content = {
        "images": [{"id": 1, "file_name": f"{split}.png", "width": SIDE, "height": SIDE}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 1 + label, "bbox": [*box]}
            for number, (label, box) in enumerate(
                zip(labels, boxes or [BOX] * len(labels), strict=True)
            )
        ],
    }
    path = root / "annotations" / f"{split}.json"
    path.write_text(json.dumps(content))
    return CocoJson(path, root / split)


def compared(name: str, reader: Reader, indexes: Path) -> ComparedSet:
    """A split as the set `name`."""
    return ComparedSet(name, reader, open_index(reader, indexes))
