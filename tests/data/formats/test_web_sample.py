"""Single samples of web shards."""

import io
import json

import pytest

from glip_pl.data.formats.web_sample import records_of_sample
from glip_pl.data.formats.webdataset_reader import SampleFile
from glip_pl.data.records import Record


def records(about: dict[str, object], collected: dict[int, str] | None) -> list[Record]:
    content = json.dumps({"width": 20, "height": 10, **about}).encode()
    shard = io.BytesIO(b"picture" + content)
    files = {".jpg": SampleFile(0, 7, shard), ".json": SampleFile(7, len(content), shard)}
    return records_of_sample(files, 3, 5, ["cat"], collected)


def test_a_caption_without_boxes() -> None:
    (record,) = records({"caption": " a cat "}, None)
    assert (record.caption, record.image, record.size) == ("a cat", "3:0:7", (10, 20))
    assert (record.image_id, record.block, len(record.boxes)) == (5, 3, 0)


def test_names_of_boxes_are_collected() -> None:
    boxes = {"instances": [{"bbox": [1, 1, 9, 9], "label": 0, "category": "dog"}]}
    names: dict[int, str] = {}
    (record,) = records({"detection": boxes}, names)
    assert names == {0: "dog"} and record.targets.tolist() == [0]


def test_a_label_without_a_name_is_refused() -> None:
    boxes = {"instances": [{"bbox": [1, 1, 9, 9], "label": 0}]}
    with pytest.raises(ValueError, match=r"nothing names its labels \[0\]"):
        records({"detection": boxes}, {})
