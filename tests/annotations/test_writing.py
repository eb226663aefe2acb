"""Files and folders appear whole or not at all, and replace nothing that they should not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.annotations.writing import (
    DEFAULT_NAMES,
    FOLDERS,
    FORMATS,
    write_annotations,
    write_splits,
)
from glip_pl.errors import UserError
from tests.annotations.example import EMPTY, FOUND, NAMES


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_written_below_a_new_folder(tmp_path: Path, format: str) -> None:
    out = tmp_path / "deep/er" / DEFAULT_NAMES[format]
    write_annotations(iter([FOUND, EMPTY]), NAMES, out, format)
    assert out.exists()
    assert not list(out.parent.glob(".*"))


UNWRITABLE: dict[str, dict[str, Any]] = {
    **{
        format: {"scores": np.asarray([0.5, np.nan])} for format in ("coco", "label_studio", "odvg")
    },
    **{format: {"name": "a\0.png"} for format in ("yolo", "voc", "cvat")},
}
"""What a format cannot hold."""


@pytest.mark.parametrize("format", FORMATS)
def test_an_error_in_the_middle_leaves_nothing(tmp_path: Path, format: str) -> None:
    bad = replace(FOUND, **UNWRITABLE[format])
    with pytest.raises((ValueError, UserError), match=r"JSON|XML|null byte"):
        write_annotations([EMPTY, bad], NAMES, tmp_path / "out", format)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_label_without_a_category_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.png has a label that none of 1 categories has"):
        write_annotations([FOUND], ["cat"], tmp_path / "a.json", "coco")


def test_files_are_replaced_and_folders_only_if_they_are_empty(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    out.write_text("old")
    write_annotations([FOUND], NAMES, out, "coco")
    assert "a/x.png" in out.read_text()
    for format in FOLDERS:
        folder = tmp_path / format
        folder.mkdir()
        write_annotations([FOUND], NAMES, folder, format)
        with pytest.raises(UserError, match=rf"{folder} exists, and format={format} is a new fold"):
            write_annotations([FOUND], NAMES, folder, format)
        with pytest.raises(UserError, match=r"a\.json exists"):
            write_annotations([FOUND], NAMES, out, format)


def test_mistakes_are_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="format='csv' is unknown: use one of coco, yolo, voc"):
        write_annotations([], NAMES, tmp_path / "a", "csv")
    with pytest.raises(UserError, match=r"is a folder, and format=coco is a file.*annotations\.js"):
        write_annotations([], NAMES, tmp_path, "coco")
    broken = replace(FOUND, name="\udc80.png")  # a file name that is no text
    with pytest.raises(UserError, match="XML has no way to write"):
        write_annotations([broken], NAMES, tmp_path / "voc", "voc")
    with pytest.raises(UserError, match="cannot write"):
        (tmp_path / "file").touch()
        write_annotations([FOUND], NAMES, tmp_path / "file/a.json", "coco")


def test_a_folder_holds_several_splits(tmp_path: Path) -> None:
    splits: dict[str, Any] = {"train": [FOUND], "val": [EMPTY]}
    write_splits(splits, NAMES, tmp_path / "yolo", "yolo")
    assert (tmp_path / "yolo/labels/train/a_x.txt").is_file()
    assert (tmp_path / "yolo/labels/val/b.txt").is_file()


def test_no_file_leaves_the_folder(tmp_path: Path) -> None:
    names = ["../../up.png", "/etc/down.png", "..\\back.png"]
    images = [replace(FOUND, name=name) for name in names]
    for format in FORMATS:
        write_annotations(images, NAMES, tmp_path / "in" / DEFAULT_NAMES[format], format)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert (tmp_path / "in/yolo/labels/train/etc_down.txt").is_file()
