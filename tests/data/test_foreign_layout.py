"""What a folder holds in place of the expected files is said, with what to do."""

import re
import zipfile
from pathlib import Path

import pytest

from glip_pl.data import foreign_layout
from glip_pl.data.foreign_layout import not_a_folder, what_is_there

PICTURES = {"train/cat/a.jpg": "", "train/dog/b.jpg": ""}
VOC = "<annotation><filename>a.jpg</filename><object><name>cat</name></object></annotation>"
COCO = '{"info": {}, "images": [], "annotations": []}'


def fill(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"data.yaml": "nc: 1\n", "labels/train/a.txt": "0 0.5 0.5 1e-1 0.1\n"}, r"YOLO \(data.y"),
        ({"train/labels/a.txt": "3 .5 .5 0.1 1."}, "YOLO"),
        ({"Annotations/a.xml": VOC}, r"Pascal VOC .*data=voc data\.root=\S+ \("),
        ({"VOCdevkit/VOC2012/Annotations/a.xml": VOC}, r"root=\S*/VOCdevkit/VOC2012 "),
        ({"x/train/a.xml": VOC}, r"root=\S*/x "),  # Roboflow's VOC
        ({"annotations.xml": "<annotations>\n <version>1.1"}, r"CVAT's XML .*COCO 1\.0"),
        ({"a.json": '[{"id": 1, "annotations": [], "file_upload": "x"}]'}, "Label Studio"),
        ({"a.json": '{"version": "5", "shapes": [], "imagePath": "a.jpg"}'}, "LabelMe"),
        ({"a.json": '[{"image": "a", "annotations": [{"coordinates": {}}]}]'}, "CreateML"),
        ({"a.json": '{"_via_settings": {}}'}, "VGG Image Annotator"),
        ({"a.json": "[1, 2]"}, "JSON of another form"),
        ({"a.jsonl": "{}"}, r"ODVG .*data=odvg .*annotations=\S*/a\.jsonl"),
        ({"00000.tar": ""}, r"web shards .*data=web \"data\.shards='\S*/\*\.tar'\""),
        ({"boxes.csv": "a,b"}, "a table of boxes"),
        ({"x.tfrecord-00000-of-2": ""}, "TFRecord"),
        ({"cells.zip": ""}, r"an archive that is not unpacked \(cells\.zip\): unpack"),
        (PICTURES, r"an ImageFolder.*boxes"),
        ({"a.jpg": ""}, "pictures without annotations"),
        ({"a.doc": "", ".hidden": ""}, r"It holds a\.doc$"),
        ({}, "It is empty"),
        (
            {"annotations/instances_default.json": COCO, "images/default/a.jpg": ""},  # CVAT
            r"use data\.annotations\.train=annotations/instances_default\.json, or rename it to "
            r"annotations/train\.json",
        ),
        ({"result.json": COCO, **PICTURES}, r"data\.annotations\.train=result\.json"),
        ({"b/my_train_set.json": COCO, "val2.json": COCO}, r"train=b/my_train_set\.json"),
    ],
)  # fmt: skip
def test_formats_are_recognised(tmp_path: Path, files: dict[str, str], said: str) -> None:
    fill(tmp_path, files)
    assert re.search(said, what_is_there(tmp_path, "train", "data.annotations", []))


def test_pictures_do_not_hide_what_is_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_layout, "FILES_OF_FOLDER", 3)
    fill(tmp_path, {f"images/{number}.jpg": "" for number in range(9)})
    fill(tmp_path, {"labels/0.txt": "0 0.5 0.5 0.1 0.1"})
    assert "looks like YOLO" in what_is_there(tmp_path, "train", "data.annotations", [])


def test_files_of_other_splits_are_no_candidates(tmp_path: Path) -> None:
    fill(tmp_path, {"train.json": COCO, "more.json": COCO})
    used = [tmp_path / "train.json"]
    assert "val=more.json" in what_is_there(tmp_path, "val", "data.annotations", used)


def test_what_is_no_folder_is_called_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "cells.zip", "w"):
        pass
    fill(tmp_path, {"train.json": COCO, "notes.txt": "", "cells/a": "", "annotations/b.json": COCO})
    for name, said in (
        ("cells.zip", "is an archive: unpack it"),
        ("train.json", rf"data\.root={tmp_path} and, .* data\.annotations\.train=train\.json"),
        ("annotations/b.json", rf"data\.root={tmp_path} and, .*train=annotations/b\.json"),
        ("notes.txt", "is a file: set data.root"),
        ("cels", rf"no such folder: .*did you mean {tmp_path}/cells\?"),
        ("absent/deep", r"no such folder: .*your dataset$"),
    ):
        assert re.search(said, not_a_folder(tmp_path / name, "data.annotations"))
