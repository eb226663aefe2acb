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
    with pytest.raises(UserError, match=r"no test split(.|\n)*annotations/instances_test\.json"):
        find_split(tmp_path, ["test"])
    with pytest.raises(UserError, match=r"data\.root"):
        find_split(tmp_path / "none", ["test"])


def test_real_blood_cells(bccd: Path) -> None:
    split = find_split(bccd, ["train"])
    assert split.annotations == bccd / "annotations" / "train.json"
    assert split.images[0] == bccd / "train"
