from pathlib import Path

import pytest
from PIL import Image

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.layout import find_split
from glip_pl.errors import UserError


def make(root: Path, annotations: str, image: str) -> None:
    for name in (annotations, image):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / annotations).write_text("{}")
    Image.new("RGB", (4, 4)).save(root / image)


@pytest.mark.parametrize(
    ("annotations", "image"),
    [
        ("valid/_annotations.coco.json", "valid/a.jpg"),  # Roboflow
        ("annotations/val.json", "val/a.jpg"),
        ("annotations/instances_val2017.json", "val2017/a.jpg"),  # COCO
        ("val.json", "images/a.jpg"),
        ("val.json", "images/val/a.jpg"),
        ("validation/annotations.json", "validation/a.png"),
        ("val.json", "a.jpg"),
    ],
)
def test_common_layouts(tmp_path: Path, annotations: str, image: str) -> None:
    make(tmp_path, annotations, image)
    split = find_split(tmp_path, ["val"])
    assert split.annotations == tmp_path / annotations
    assert split.images[0] == (tmp_path / image).parent


@pytest.mark.parametrize(
    ("annotations", "image", "name"),
    [
        ("train.json", "images/a.jpg", "images/a.jpg"),  # Label Studio
        ("train.json", "images/a.jpg", "images\\a.jpg"),  # and on Windows
        ("train/_annotations.coco.json", "train/cats/a.jpg", "cats/a.jpg"),
        ("annotations/train.json", "train/a.jpg", "train/a.jpg"),
    ],
)
def test_file_names_may_hold_folders(
    tmp_path: Path, annotations: str, image: str, name: str
) -> None:
    make(tmp_path, annotations, image)
    images = CocoJson.from_folder(tmp_path, ["train"]).open_images()
    assert images.find(name) == tmp_path / image


def test_the_first_existing_split_is_used(tmp_path: Path) -> None:
    make(tmp_path, "annotations/val.json", "val/a.jpg")
    assert find_split(tmp_path, ["test", "val"]).images[0] == tmp_path / "val"


def test_a_missing_split_is_reported_with_the_expected_files(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no test or val split .*annotations/test\.json.* is empty"
    ):
        find_split(tmp_path, ["test", "val"])
    make(tmp_path, "train.json", "a.jpg")
    with pytest.raises(UserError, match=r"no val split .* \(train\.json\): files are never split"):
        find_split(tmp_path, ["val"])


def test_several_files_of_a_split_are_refused_unless_they_are_equal(tmp_path: Path) -> None:
    make(tmp_path, "annotations/train.json", "train/a.jpg")
    make(tmp_path, "train/_annotations.coco.json", "train/a.jpg")
    assert find_split(tmp_path, ["train"]).images[0] == tmp_path / "train"
    (tmp_path / "annotations/train.json").write_text('{"images": []}')
    with pytest.raises(UserError) as refused:
        find_split(tmp_path, ["train"])
    assert "train/_annotations.coco.json (2 bytes) and annotations/train.json (14 bytes)" in str(
        refused.value
    )
    remedy = str(refused.value).rpartition("data.annotations.train=")[2]
    chosen = find_split(tmp_path, ["train"], {"train": remedy})
    assert chosen.annotations == tmp_path / "annotations/train.json"
    assert chosen.images[0] == tmp_path / "train"


def test_a_file_of_any_name_can_be_given(tmp_path: Path) -> None:
    make(tmp_path, "annotations/instances_default.json", "images/default/a.jpg")  # CVAT
    make(tmp_path, "other.json", "images/b.jpg")
    named = {"train": "annotations/instances_default.json", "val": f"{tmp_path}/other.json"}
    train, test = (find_split(tmp_path, splits, named) for splits in (["train"], ["test", "val"]))
    assert train.images[0] == tmp_path / "images/default"
    assert test.annotations == tmp_path / "other.json"
    assert train.all_annotations == test.all_annotations
    with pytest.raises(UserError, match=r"no such annotation file: .*/gone\.json \(the setting"):
        find_split(tmp_path, ["train"], {"train": "gone.json"})


@pytest.mark.parametrize("images", ["train/images", "images/train", "images"])
def test_pictures_may_lie_one_folder_deeper(tmp_path: Path, images: str) -> None:
    make(tmp_path, "train/annotations.json", f"{images}/a.jpg")
    assert find_split(tmp_path, ["train"]).images[0] == tmp_path / images


def test_a_dataset_in_the_folder_above_or_below_is_named(tmp_path: Path) -> None:
    make(tmp_path, "cells/train/_annotations.coco.json", "cells/train/a.jpg")
    for folder in (tmp_path, tmp_path / "cells" / "train"):
        with pytest.raises(UserError, match=rf"set data\.root={tmp_path / 'cells'}$"):
            find_split(folder, ["train"])


def test_real_blood_cells(bccd: Path) -> None:
    split = find_split(bccd, ["train"])
    assert split.annotations == bccd / "annotations" / "train.json"
    assert split.images[0] == bccd / "train"
