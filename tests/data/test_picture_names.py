"""Names that annotations give pictures, and the files that they mean."""

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data import picture_names
from glip_pl.data.picture_names import FolderNames, folded, is_file, other_names


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("/data/upload/1/5f3c-foo.jpg", "5f3c-foo.jpg"),
        ("/data/upload/1/1234abcd-foo.jpg", "foo.jpg"),
        ("/data/local-files/?d=cells/day%201/a.jpg", "cells/day 1/a.jpg"),
        ("data/local-files/%3Fd%3Dcells/a.jpg", "cells/a.jpg"),
        (" a.jpg\n", "a.jpg"),
        (r"C:\Users\me\cells\a.jpg", "cells/a.jpg"),
        ("https://host/bucket/a%20b.jpg?X-Amz-Signature=0f", "a b.jpg"),
        ("s3://bucket/deep/a.jpg", "deep/a.jpg"),
        ("../../images/a.jpg", "images/a.jpg"),
    ],
)
def test_a_name_of_another_machine_stands_for_its_last_parts(name: str, file: str) -> None:
    assert tuple(file.split("/")) in list(other_names(name))


def test_longer_ends_of_a_name_come_first_and_no_part_leads_upwards() -> None:
    assert list(other_names("a/../b/c.jpg")) == [("a", "b", "c.jpg"), ("b", "c.jpg"), ("c.jpg",)]
    assert list(other_names("..")) == []


def test_letter_case_and_the_form_of_accents_do_not_matter(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "é.jpg")
    (tmp_path / "Sub").mkdir()
    for name in ("A.JPG", "two.png", "TWO.png", f"Sub/{decomposed}"):
        (tmp_path / name).touch()
    names = FolderNames()
    assert names.find(tmp_path, ["a.jpg"]) == tmp_path / "A.JPG"
    assert names.find(tmp_path, ["sub", "É.jpg"]) == tmp_path / "Sub" / decomposed
    assert names.find(tmp_path, ["TWO.png"]) == tmp_path / "TWO.png"
    assert names.find(tmp_path, ["Two.png"]) is None  # it could be either
    assert names.find(tmp_path / "absent", ["a.jpg"]) is None
    assert names.find(tmp_path, ["Sub"]) is None  # a folder
    assert folded("Straße") == folded("STRASSE")


def test_a_similar_name_is_one_with_few_other_letters_and_no_other_number(tmp_path: Path) -> None:
    for name in ("frame_6.jpg", "my_photo.jpg", "cat_1_jpg.rf.0f.jpg"):
        (tmp_path / name).touch()
    names = FolderNames()
    assert names.similar(tmp_path, "frame_7.jpg") is None
    assert names.similar(tmp_path, "rame_6.jpg") == "frame_6.jpg"
    assert names.similar(tmp_path, "at_1.jpg") is None
    assert names.similar(tmp_path, "frame_6.png") == "frame_6.jpg"
    assert names.similar(tmp_path, "my photo.jpg") == "my_photo.jpg"
    assert names.similar(tmp_path, "cat_1.jpg") == "cat_1_jpg.rf.0f.jpg"


def test_the_search_for_similar_names_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_names, "SEARCHED", 4)
    for name in ("frame.jpg", "cat.jpg"):
        (tmp_path / name).touch()
    names = FolderNames()
    found = [names.similar(tmp_path, "frame.png") for _ in range(4)]
    assert found == ["frame.jpg", "frame.jpg", "frame.jpg", None]


def test_a_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    scandir = os.scandir

    def recorded(path: Path) -> Any:
        listed.append(str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", recorded)
    names = FolderNames()
    for number in range(5):
        assert names.find(tmp_path, [f"{number}.jpg"]) is None
        assert names.similar(tmp_path, f"{number}.jpg") is None
    assert listed == [str(tmp_path)]


def test_a_name_that_the_system_refuses_is_no_file(tmp_path: Path) -> None:
    assert not is_file(tmp_path / ("x" * 300))
    assert not is_file(tmp_path / "nul\0.png")
