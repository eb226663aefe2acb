"""A user's folder is read in the form that it has."""

from pathlib import Path

import pytest
from PIL import Image

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.own_folder import own_folder
from glip_pl.data.formats.yolo import YoloFolder
from glip_pl.errors import UserError


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    (tmp_path / "images/val").mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names: [cat]")
    Image.new("RGB", (4, 4)).save(tmp_path / "images/val/a.png")
    return tmp_path


def test_yolo_is_read_where_there_is_no_coco(yolo: Path) -> None:
    source = own_folder(yolo, ["test", "val"])
    assert isinstance(source, YoloFolder)
    assert source.split == "val"
    assert source == own_folder(yolo, ["val"])
    (yolo / "val.json").write_text("{}")
    assert isinstance(own_folder(yolo, ["val"]), CocoJson)


def test_a_file_of_settings_can_be_named(yolo: Path) -> None:
    (yolo / "val.json").write_text("{}")
    (yolo / "data.yaml").rename(yolo / "cells.yml")
    source = own_folder(yolo, ["val"], {"train": "cells.yml", "val": None})
    assert isinstance(source, YoloFolder)
    assert source.settings == yolo / "cells.yml"
    other = own_folder(yolo, ["val"], {"train": None, "val": "val.json"})
    assert isinstance(other, CocoJson)


def test_a_folder_with_neither_says_what_it_holds(yolo: Path) -> None:
    (yolo / "data.yaml").unlink()
    (yolo / "images/val/a.txt").write_text("0 0.5 0.5 0.5 0.5")
    with pytest.raises(UserError, match=r"looks like YOLO .*write \S+data\.yaml with `train: ima"):
        own_folder(yolo, ["train"])
    (yolo / "inner").mkdir()
    (yolo / "inner/data.yaml").write_text("names: [cat]")
    with pytest.raises(UserError, match=r"looks like YOLO .*set data\.root=\S+/inner$"):
        own_folder(yolo, ["train"])
    with pytest.raises(UserError, match="no such folder"):
        own_folder(yolo / "absent", ["train"])
