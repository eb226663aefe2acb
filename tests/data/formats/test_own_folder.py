"""A user's folder is read in the form that it has."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.own_folder import own_folder
from glip_pl.data.formats.yolo import YoloFolder
from glip_pl.errors import UserError
from glip_pl.inspection.conversion import Conversion
from glip_pl.inspection.named_set import NamedSet
from glip_pl.running.build import build_data
from tests.conftest import MINILM, Compose


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


def test_the_settings_of_a_folder_of_ones_own_read_yolo(
    custom: Path, settings: Compose, tmp_path: Path
) -> None:
    """The same pictures and boxes as from COCO JSON, and one picture more that shows nothing."""
    words = [f"tokenizer.source={MINILM}", f"paths.index={tmp_path}/index", "data=custom"]
    coco = build_data(settings([*words, f"data.root={custom}"]), train=True)
    sets = [
        (NamedSet(name, dataset.reader), dataset.index)
        for name, dataset in (
            ("train/own", coco.train["custom"].dataset),
            ("val/own", coco.val["custom"]),
        )
    ]
    assert len(list(Conversion("yolo", tmp_path, 1, None, True, 0).run(sets))) == 1
    Image.new("RGB", (96, 96)).save(tmp_path / "own/images/train/nothing.png")
    yolo = build_data(settings([*words, f"data.root={tmp_path}/own"]), train=True)
    assert len(yolo.train["custom"].dataset) == len(coco.train["custom"].dataset) + 1
    for (_, before), after in zip(
        sets, (yolo.train["custom"].dataset.index, yolo.val["custom"].index), strict=True
    ):
        assert after.names == before.names
        np.testing.assert_allclose(after.boxes.values, before.boxes.values, atol=1e-4)
        assert after.targets.values.tolist() == before.targets.values.tolist()
    assert yolo.test["custom"].reader == yolo.val["custom"].reader
