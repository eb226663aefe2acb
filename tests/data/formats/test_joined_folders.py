"""Folders whose labels know different categories are trained on and evaluated together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.collate import Collate
from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.data.formats.joined_folders import joined_folders
from glip_pl.data.problems import Problems
from glip_pl.data.truth import Truth
from glip_pl.errors import UserError
from glip_pl.inspection.before_training import check_before_training
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.lvis import lvis_figures
from glip_pl.running.build import build_data
from tests.conftest import Compose

ROWS = {"a": ["cat", "dog"], "b": ["cup", "dog"]}
"""Categories of each folder; every picture has a box of the first."""


@pytest.fixture
def roots(tmp_path: Path) -> list[str]:
    """Two folders with pictures of the same names."""
    for number, (folder, names) in enumerate(ROWS.items()):
        for split in ("train", "val"):
            place = tmp_path / folder / split
            place.mkdir(parents=True)
            Image.new("RGB", (60, 40), (number * 200, 0, 0)).save(place / "1.png")
            box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 30]}
            content: dict[str, Any] = {
                "images": [{"id": 1, "file_name": "1.png", "height": 40, "width": 60}],
                "categories": [{"id": 1 + row, "name": name} for row, name in enumerate(names)],
                "annotations": [box],
            }
            (place / "_annotations.coco.json").write_text(json.dumps(content))
    return [str(tmp_path / folder) for folder in ROWS]


def test_records_know_what_was_looked_for_in_their_folder(roots: list[str]) -> None:
    reader = joined_folders(roots, ["train"])
    contents = reader.read(Problems())
    assert contents.names == ["cat", "dog", "cup"]
    first, second = contents.records
    assert [(one.image, one.image_id) for one in (first, second)] == [
        ("0/1.png", 2),
        ("1/1.png", 3),
    ]
    assert (first.targets.tolist(), second.targets.tolist()) == ([0], [2])
    assert first.absent is not None and second.absent is not None
    assert first.absent.tolist() == second.absent.tolist() == [1]
    images = reader.open_images()
    assert [images.load(one.image).getpixel((0, 0)) for one in (first, second)] == [
        (0, 0, 0),
        (200, 0, 0),
    ]
    assert images.read("0/1.png") != images.read("1/1.png")


def built(settings: Compose, roots: list[str]) -> GroundingDataModule:
    folders = f"data.roots=[{','.join(roots)}]"
    words = ["experiment=finetune_custom", "data=custom_folders", folders, "data.workers=0"]
    return build_data(settings(words), train=True)


def test_one_command_trains_on_all_names_without_what_a_folder_does_not_know(
    settings: Compose, roots: list[str]
) -> None:
    data = built(settings, roots)
    check_before_training(data, "stop", pictures=True)
    dataset = data.train["custom"].dataset
    samples = [dataset[0], dataset[1]]
    assert {sample.prompt.caption for sample in samples} == {"cat. dog. cup"}
    unknown = [one.unsure.tolist() for one in samples if one.unsure is not None]
    assert unknown == [[2], [0]]
    batch = Collate(dataset.tokenizer, training=True)(samples)
    assert batch.unsure is not None
    assert batch.unsure[0].equal(batch.phrase_masks[0][2])


def test_what_a_folder_does_not_know_counts_for_nothing_in_evaluation(
    settings: Compose, roots: list[str]
) -> None:
    data = built(settings, roots)
    truth = data.val["custom"].truth()
    assert isinstance(truth, Truth) and list(truth.names) == ["cat", "dog", "cup"]
    right = [
        {"image_id": 2 + row, "category_id": category, "bbox": [4, 4, 20, 30], "score": 0.5}
        for row, category in enumerate((1, 3))
    ]
    unknown = {"image_id": 2, "category_id": 3, "bbox": [4, 4, 20, 30], "score": 0.9}
    wrong = {**unknown, "category_id": 1, "bbox": [30, 4, 9, 9]}

    def figures(*found: dict[str, Any]) -> dict[str, float]:
        ids = np.asarray(truth.image_ids), np.asarray(truth.category_ids)
        return lvis_figures(truth, DetectionsTable.from_coco(list(found), *ids))

    assert figures(*right)["AP"] == pytest.approx(1)
    assert figures(*right, unknown)["AP/cup"] == pytest.approx(1)
    assert figures(*right, wrong)["AP/cat"] == pytest.approx(0.5)


def test_missing_pictures_of_a_folder_are_told(settings: Compose, roots: list[str]) -> None:
    (Path(roots[1]) / "train" / "1.png").unlink()
    with pytest.raises(UserError, match=r"1 of 2 pictures of data\.train\.custom cannot be used"):
        check_before_training(built(settings, roots), "stop", pictures=True)


def test_no_folders_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.roots is empty"):
        joined_folders([], ["train"])
