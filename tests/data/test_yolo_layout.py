"""Where YOLO's programs put settings, pictures and labels, and that nothing leads elsewhere."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from glip_pl.data import yolo_layout
from glip_pl.data.yolo_layout import find_pictures, find_settings, label_file, read_settings
from glip_pl.errors import UserError


def make(root: Path, files: list[str], **settings: Any) -> Path:
    """A folder with these empty files, and data.yaml; returns that."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    root.mkdir(exist_ok=True)
    (root / "data.yaml").write_text(yaml.safe_dump({"names": ["cat"], **settings}))
    return root / "data.yaml"


def found(root: Path, *splits: str, **settings: Any) -> tuple[str, tuple[str, ...]]:
    return find_pictures(root, read_settings(make(root, [], **settings)), splits)


ULTRALYTICS = ["images/train/b.jpg", "images/train/deep/a.PNG", "images/val/c.jpg"]
TRAIN = ("images/train/b.jpg", "images/train/deep/a.PNG")
ROBOFLOW = ["train/images/a.jpg", "valid/images/b.jpg", "train/labels/a.txt"]


@pytest.mark.parametrize(
    ("files", "settings"),
    [
        (ULTRALYTICS, {"train": "images/train"}),
        (ULTRALYTICS, {"train": "images/train", "path": "."}),
        (ULTRALYTICS, {"train": "train", "path": "images"}),
        (ULTRALYTICS, {"train": "images/train", "path": "../datasets/coco8"}),
        (ULTRALYTICS, {"train": ["images/train"]}),
        (ULTRALYTICS, {"train": "/content/coco8/images/train"}),
        (ULTRALYTICS, {"train": "C:\\coco8\\images\\train"}),
        (ULTRALYTICS, {}),
    ],
)
def test_pictures_are_found_in_every_folder_that_is_named(
    tmp_path: Path, files: list[str], settings: dict[str, Any]
) -> None:
    make(tmp_path, [*files, "images/train/notes.txt", "images/train/._b.jpg"])
    assert found(tmp_path, "train", **settings) == ("train", TRAIN)


def test_an_absolute_path_may_lead_into_the_folder(tmp_path: Path) -> None:
    make(tmp_path, ULTRALYTICS)
    assert found(tmp_path, "train", path=str(tmp_path), train="images/train")[1] == TRAIN
    assert found(tmp_path, "train", train=str(tmp_path / "images/train"))[1] == TRAIN


def test_the_layout_of_roboflow(tmp_path: Path) -> None:
    make(tmp_path, ROBOFLOW)
    settings = {
        "train": "../train/images",
        "val": "../valid/images",
        "test": "../test/images",  # named even where it was not exported
        "nc": 1,
    }
    assert found(tmp_path, "train", **settings) == ("train", ("train/images/a.jpg",))
    assert found(tmp_path, "test", "val", **settings) == ("val", ("valid/images/b.jpg",))


def test_lists_of_pictures(tmp_path: Path) -> None:
    make(tmp_path, ULTRALYTICS)
    lines = ["./images/train/b.jpg", "", "/other/machine/images/val/c.jpg "]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    names = ("images/train/b.jpg", "images/val/c.jpg")
    assert found(tmp_path, "train", train="train.txt") == ("train", names)
    (tmp_path / "train.txt").write_text("images/train/absent.jpg")
    with pytest.raises(UserError, match=r"train\.txt names a picture that is not in .*absent\.jpg"):
        found(tmp_path, "train", train="train.txt")


@pytest.mark.timeout(20)
def test_lists_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, ULTRALYTICS)
    os.mkfifo(tmp_path / "pipe.txt")
    assert found(tmp_path, "train", train="pipe.txt")[1] == TRAIN  # the usual folder
    (tmp_path / "list.txt").write_bytes(b"\xff\xff")
    with pytest.raises(UserError, match=r"cannot read the list of pictures \S+list\.txt"):
        found(tmp_path, "train", train="list.txt")
    (tmp_path / "list.txt").write_text("images/train/b.jpg")
    monkeypatch.setattr(yolo_layout, "MAX_LIST", 5)
    with pytest.raises(UserError, match="it has more than 5 bytes"):
        found(tmp_path, "train", train="list.txt")


@pytest.mark.parametrize(
    ("entry", "path"),
    [("../other/images", "."), ("images", "../other"), ("/etc", "/"), ("list.txt", ".")],
)
def test_nothing_outside_the_folder_is_read(tmp_path: Path, entry: str, path: str) -> None:
    make(tmp_path / "other", ["images/a.jpg"])
    make(tmp_path / "mine", [])
    (tmp_path / "mine/list.txt").write_text(str(tmp_path / "other/images/a.jpg"))
    with pytest.raises(UserError, match=r"no pictures of the split train|is not in"):
        found(tmp_path / "mine", "train", train=entry, path=path)


def test_a_split_without_pictures_is_named_with_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"split test or val .* names absent, .*`test: images/test"):
        found(tmp_path, "test", "val", val="absent")


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["cat", "dog"], ("cat", "dog")), ({1: "dog", 0: "cat"}, ("cat", "dog")), ([7], ("7",))],
)
def test_names_are_a_list_or_a_dictionary(
    tmp_path: Path, names: Any, expected: tuple[str, ...]
) -> None:
    assert read_settings(make(tmp_path, [], names=names)).names == expected


@pytest.mark.parametrize("names", [None, [], "cat", {0: "cat", 2: "dog"}, {"a": "cat"}, [None]])
def test_other_names_are_refused(tmp_path: Path, names: Any) -> None:
    with pytest.raises(UserError, match=r"data\.yaml.*`names`"):
        read_settings(make(tmp_path, [], names=names))


def test_the_file_of_settings_is_found_or_must_be_named(tmp_path: Path) -> None:
    assert find_settings(tmp_path / "absent") is None
    assert find_settings(tmp_path) is None
    (tmp_path / "notes.yaml").write_text("a: 1")
    (tmp_path / "broken.yaml").write_text("names: [")
    (tmp_path / "cells.yml").write_text("names: [cat]")
    assert find_settings(tmp_path) == tmp_path / "cells.yml"
    (tmp_path / "more.yaml").write_text("names: [cat]")
    with pytest.raises(
        UserError, match=r"cells\.yml, more\.yaml\).*data\.annotations\.train=cells"
    ):
        find_settings(tmp_path)
    settings = make(tmp_path, [])
    assert find_settings(tmp_path) == settings


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("train/images/a.b.jpg", "train/labels/a.b.txt"),
        ("images/x/Images/a.jpg", "images/x/labels/a.txt"),
        ("images/a.jpg", "images/a.txt"),
        ("a.jpg", "a.txt"),
    ],
)
def test_label_files(tmp_path: Path, picture: str, labels: str) -> None:
    make(tmp_path, [picture])
    assert label_file(tmp_path, picture) is None
    make(tmp_path, [labels])
    assert label_file(tmp_path, picture) == tmp_path / labels
