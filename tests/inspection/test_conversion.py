"""Sets in any format become the annotation files of other programs, with the same boxes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glip_pl.annotations.writing import DEFAULT_NAMES, FORMATS
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.own_folder import own_folder
from glip_pl.data.formats.voc import VocXml
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Reader
from glip_pl.errors import UserError
from glip_pl.files.plain_xml import read_plain_xml
from glip_pl.inspection.conversion import Conversion
from glip_pl.inspection.named_set import NamedSet, phrase_texts
from tests.data.formats.test_round_trip import by_name
from tests.data.formats.writers import (
    NAMES,
    Writer,
    coco,
    mdetr,
    scenes,
    tsv_detection,
    voc,
    yolo,
)

SCENES = scenes(5)
Sets = list[tuple[NamedSet, Index]]


def sets_of(write: Writer, folder: Path, indexes: Path, *names: str) -> Sets:
    """The same scenes as several sets."""
    sets = []
    for name in names:
        root = folder / name
        root.mkdir(parents=True)
        reader = write(root, SCENES)
        sets.append((NamedSet(name, reader), open_index(reader, indexes)))
    return sets


def convert(sets: Sets, format: str, folder: Path, copies: bool = True) -> list[str]:
    return list(Conversion(format, folder, 10, None, copies, 0).run(sets))


def content(reader: Reader, index: Index) -> dict[bytes, list[tuple[list[float], str]]]:
    """The boxes with their names by the pixels of the picture, whatever it is called."""
    images = reader.open_images()
    return {
        np.asarray(images.load(index.images[row])).tobytes(): sorted(
            zip(np.round(index.boxes[row], 3).tolist(), phrase_texts(index, row), strict=True)
        )
        for row in range(len(index))
    }


@pytest.mark.parametrize("write", [coco, voc, yolo, tsv_detection], ids=by_name)
@pytest.mark.parametrize("format", ["coco", "yolo", "voc"])
def test_boxes_pictures_and_names_stay(
    write: Writer, format: str, tmp_path: Path, indexes: Path
) -> None:
    sets = sets_of(write, tmp_path / "in", indexes, "train/it", "val/it")
    lines = convert(sets, format, tmp_path / "out")
    (named_set, index), *_ = sets
    new: Reader
    if format == "coco":
        pictures = tmp_path / "out/train/it/images"  # of archives
        pictures = pictures if pictures.is_dir() else named_set.reader.open_images().roots[0]  # type: ignore[attr-defined]
        new = CocoJson(tmp_path / "out/train/it/annotations.json", pictures)
    else:
        out = tmp_path / "out/it"
        assert lines == [f"train, val of it: {out}"]
        assert [path.name for path in out.parent.iterdir()] == ["it"]  # nothing is left over
        new = VocXml(out, "val") if format == "voc" else own_folder(out, ["val"])
    new_index = open_index(new, indexes)
    assert set(new_index.names) == set(NAMES)
    assert content(new, new_index) == content(named_set.reader, index)


def test_other_programs_get_what_people_drew_as_annotations(tmp_path: Path, indexes: Path) -> None:
    sets = sets_of(coco, tmp_path / "in", indexes, "train/it")
    for format in ("label_studio", "cvat"):
        (line,) = convert(sets, format, tmp_path / "out")
        assert line == f"train/it: {tmp_path / 'out/train/it' / DEFAULT_NAMES[format]}"
    tasks = json.loads((tmp_path / "out/train/it/label_studio.json").read_text())
    assert [len(task["annotations"][0]["result"]) for task in tasks] == [
        len(scene.boxes) for scene in SCENES
    ]
    root = read_plain_xml(tmp_path / "out/train/it/cvat.xml")
    assert {box.attrib["source"] for box in root.iter("box")} == {"manual"}


def test_pictures_can_stay_where_they_are(tmp_path: Path, indexes: Path) -> None:
    for write in (coco, tsv_detection):
        sets = sets_of(write, tmp_path / by_name(write), indexes, "train/it")
        convert(sets, "yolo", tmp_path / f"out_{by_name(write)}", copies=False)
        out = tmp_path / f"out_{by_name(write)}/it"
        assert not (out / "images").exists()
        assert len(list((out / "labels/train").glob("*.txt"))) == len(SCENES)


def test_a_missing_picture_is_an_error_or_left_out(tmp_path: Path, indexes: Path) -> None:
    ((named_set, index),) = sets_of(coco, tmp_path / "in", indexes, "train/it")
    (tmp_path / "in/train/it/pictures" / SCENES[0].file_name).unlink()
    with pytest.raises(UserError, match="no such image"):
        convert([(named_set, index)], "voc", tmp_path / "out")
    assert not (tmp_path / "out/it").exists()
    tolerant = replace(named_set, tolerate=0.5)
    convert([(tolerant, index)], "voc", tmp_path / "out")
    assert len(list((tmp_path / "out/it/Annotations").iterdir())) == len(SCENES) - 1


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "odvg"])
def test_captions_are_refused_where_there_are_only_categories(
    format: str, tmp_path: Path, indexes: Path
) -> None:
    sets = sets_of(mdetr, tmp_path, indexes, "train/it")
    with pytest.raises(UserError, match=f"train/it has captions, and convert.format={format}"):
        convert(sets, format, tmp_path / "out")


def test_splits_with_other_categories_do_not_share_a_folder(tmp_path: Path, indexes: Path) -> None:
    (first, second) = sets_of(coco, tmp_path, indexes, "train/it", "val/it")
    other = (second[0], replace(second[1], names=[*NAMES[:2], "x"]))
    with pytest.raises(UserError, match=r"val/it has other categories.*sets=\[train/it\]"):
        convert([first, other], "yolo", tmp_path / "out")
    convert([other], "yolo", tmp_path / "out")


def test_a_folder_that_exists_is_kept(tmp_path: Path, indexes: Path) -> None:
    sets = sets_of(coco, tmp_path / "in", indexes, "train/it")
    convert(sets, "yolo", tmp_path / "out")
    with pytest.raises(UserError, match="out/it exists"):
        convert(sets, "yolo", tmp_path / "out")
