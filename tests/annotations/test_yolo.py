from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from glip_pl.annotations.yolo import write_yolo
from glip_pl.errors import UserError
from tests.annotations.example import EMPTY, FOUND, NAMES


def test_centres_and_sizes_are_parts_of_the_picture(tmp_path: Path) -> None:
    write_yolo({"train": [FOUND, EMPTY]}, NAMES, tmp_path, copy_pictures=False)
    lines = (tmp_path / "labels/train/a/x.txt").read_text().splitlines()
    assert [float(value) for value in lines[0].split()] == [1, 0.100625, 0.6, 0.10125, 0.4]
    assert lines[1].split() == ["0", *["0.50000000"] * 2, *["1.00000000"] * 2]
    assert (tmp_path / "labels/train/b.txt").read_text() == ""
    assert not (tmp_path / "images").exists()


def test_copies_lie_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"pixels")
    image = replace(FOUND, path=tmp_path / "x.png")
    other = replace(image, name="a/x.jpg")
    write_yolo({"val": [image, other]}, NAMES, tmp_path / "out", copy_pictures=True)
    files = sorted(path.name for path in (tmp_path / "out").rglob("*.*") if path.is_file())
    assert files == ["a_x.png", "a_x.txt", "a_x_2.jpg", "a_x_2.txt", "data.yaml"]
    with pytest.raises(UserError, match=r"name of a/x\.jpg but for its suffix.*copy_pictures=true"):
        write_yolo({"val": [image, other]}, NAMES, tmp_path / "more", copy_pictures=False)


def test_the_settings_name_the_splits_and_the_categories(tmp_path: Path) -> None:
    write_yolo({"test": [EMPTY], "train": [FOUND]}, NAMES, tmp_path, copy_pictures=False)
    text = (tmp_path / "data.yaml").read_text()
    assert yaml.safe_load(text) == {
        "train": "images/train",
        "test": "images/test",
        "val": "images/train",  # a program that trains refuses the file without it
        "nc": 2,
        "names": dict(enumerate(NAMES)),
    }
    assert text.startswith("# val repeats another split")


def test_names_that_yaml_would_read_otherwise_are_quoted(tmp_path: Path) -> None:
    names = ["no", "1", "a: b", "猫", "null"]
    write_yolo({"train": [], "val": []}, names, tmp_path, copy_pictures=False)
    assert [*yaml.safe_load((tmp_path / "data.yaml").read_text())["names"].values()] == names
    assert "#" not in (tmp_path / "data.yaml").read_text()
