"""The page with pictures shows boxes at their places, and captions with marked phrases."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Reader
from glip_pl.inference.drawing import colour_of
from glip_pl.inspection.browse import page
from glip_pl.inspection.named_set import NamedSet
from tests.data.formats.writers import coco, mdetr, scenes
from tests.inspection.pictures import (
    BOX,
    HEIGHT,
    WIDTH,
    half_turned,
    reduced,
    turned,
    turned_with_its_stored_size,
)

SCENES = scenes(6)


def page_of(reader: Reader, indexes: Path, count: int = 6) -> str:
    return page([(NamedSet("train/it", reader), open_index(reader, indexes))], count, seed=0)


def pictures_in(html: str) -> list[Image.Image]:
    encoded = re.findall(r"data:image/jpeg;base64,([^']+)'", html)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in encoded]


def test_texts_of_files_are_escaped(tmp_path: Path, indexes: Path) -> None:
    reader = coco(tmp_path, SCENES)
    file = tmp_path / "coco.json"
    file.write_text(file.read_text().replace("fire hydrant", "<script>alert(1)</script>"))
    html = page_of(reader, indexes, count=3)
    assert len(pictures_in(html)) == 3
    assert "<script>" not in html


def test_the_phrases_of_captions_are_marked(tmp_path: Path, indexes: Path) -> None:
    html = page_of(mdetr(tmp_path, SCENES), indexes)
    for scene in SCENES:
        for box_spans in scene.spans:
            start, end = box_spans[-1]
            assert f">{scene.caption[start:end]}</mark>" in html


def test_a_picture_that_cannot_be_read_leaves_its_message(tmp_path: Path, indexes: Path) -> None:
    reader = reduced(tmp_path)
    (tmp_path / "images" / "a.png").write_bytes(b"no picture")
    html = page_of(reader, indexes)
    assert "class='error'" in html and "a.png is broken" in html
    assert not pictures_in(html)


@pytest.mark.parametrize("write", [reduced, turned, half_turned, turned_with_its_stored_size])
def test_boxes_are_drawn_where_training_has_them(
    write: Callable[[Path], CocoJson], tmp_path: Path, indexes: Path
) -> None:
    (picture,) = pictures_in(page_of(write(tmp_path), indexes))
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    near_outline = np.abs(pixels - np.asarray(colour_of("star"))).sum(-1) < 60
    rows, columns = np.nonzero(near_outline)
    scales = [picture.width / WIDTH, picture.height / HEIGHT]
    x, y, width, height = (side * scale for side, scale in zip(BOX, 2 * scales, strict=True))
    assert columns.min() == pytest.approx(x, abs=4)
    assert columns.max() == pytest.approx(x + width, abs=4)
    assert rows.max() == pytest.approx(y + height, abs=4)  # the label lies above the box
    assert pixels[round(y + height / 2), round(x + width / 2)].tolist() == [255, 255, 255]
