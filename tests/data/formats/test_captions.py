import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.formats.captions import CaptionTable, CocoCaptions
from glip_pl.data.indexing import open_index
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with two captions, the first with a comma and of a picture of 60x40 pixels."""
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png")
    path = tmp_path / "captions.csv"
    path.write_text('file,caption\na.png,"a cat, asleep"\nabsent.png,a dog\n', "utf-8-sig")
    return path


def test_a_table_has_a_caption_per_row(table: Path) -> None:
    problems = Problems(tolerate=1.0)
    (record,) = CaptionTable(table, table.parent).read(problems).records
    assert (record.image, record.caption, record.size) == ("a.png", "a cat, asleep", (40, 60))
    assert record.image_id == 0
    assert record.boxes.shape == (0, 4)
    assert problems.counts == {"picture that cannot be read": 1}


def test_a_missing_picture_of_a_table_is_named(table: Path, indexes: Path) -> None:
    with pytest.raises(UserError, match=r"no such image: .*absent\.png"):
        open_index(CaptionTable(table, table.parent), indexes)


def test_a_table_needs_its_columns_and_utf8(table: Path, indexes: Path) -> None:
    table.write_text("name,text\n")
    with pytest.raises(UserError, match="has no columns `file` and `caption`"):
        open_index(CaptionTable(table, table.parent), indexes)
    table.write_bytes(b"file,caption\na.png,\xff\n")
    with pytest.raises(UserError, match="is not a CSV file in UTF-8"):
        open_index(CaptionTable(table, table.parent), indexes)


def test_a_picture_of_coco_has_a_record_per_caption(tmp_path: Path, indexes: Path) -> None:
    path = tmp_path / "captions.json"
    image = {"id": 1, "file_name": "a.png", "height": 9, "width": 9}
    texts = [{"id": 5, "image_id": 1, "caption": "a"}, {"id": 6, "image_id": 1, "caption": "b"}]
    path.write_text(json.dumps({"images": [image], "annotations": texts}))
    index = open_index(CocoCaptions(path, tmp_path), indexes)
    assert np.asarray(index.image_ids).tolist() == [5, 6]
    assert [index.captions[row] for row in range(2)] == ["a", "b"]
    path.write_text(json.dumps({"images": [image], "annotations": [{"id": 5, "image_id": 2}]}))
    with pytest.raises(UserError, match="caption number 0 is malformed"):
        open_index(CocoCaptions(path, tmp_path), indexes)
