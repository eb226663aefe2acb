"""YOLO's label files as records: boxes, polygons, background, mistakes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from glip_pl.data.formats.yolo import YoloFolder
from glip_pl.data.indexing import open_index, source_name
from glip_pl.data.picture_size import Exif
from glip_pl.data.problems import Problems
from glip_pl.data.records import Record
from glip_pl.data.selection import Selection
from glip_pl.errors import UserError

YAML = "train: images/train\nnames: [cat, dog]\n"
WIDE = (40, 20)
"""Width and height of most pictures."""


def folder(root: Path, labels: dict[str, str | None], yaml: str = YAML) -> Path:
    """A dataset whose pictures have these label files; None for a picture without one."""
    (root / "images/train").mkdir(parents=True)
    (root / "labels/train").mkdir(parents=True)
    (root / "data.yaml").write_text(yaml)
    for stem, text in labels.items():
        Image.new("RGB", WIDE).save(root / f"images/train/{stem}.png")
        if text is not None:
            (root / f"labels/train/{stem}.txt").write_text(text)
    return root


def reader(root: Path) -> YoloFolder:
    return YoloFolder.from_folder(root, root / "data.yaml", ["train"])


def records(root: Path, problems: Problems | None = None) -> list[Record]:
    return list(reader(root).read(problems or Problems()).records)


def test_boxes_are_parts_of_the_picture(tmp_path: Path) -> None:
    text = "1 0.5 0.5 0.5 0.2\n\n0.0 0.25 0.5 0.5 1 0.87\n"  # the second has a score
    (record,) = records(folder(tmp_path, {"a": text}))
    assert (record.image, record.size) == ("images/train/a.png", (20, 40))
    assert record.targets.tolist() == [1, 0]
    np.testing.assert_allclose(record.boxes, [[10, 8, 30, 12], [0, 0, 20, 20]])
    assert reader(tmp_path).read(Problems()).names == ("cat", "dog")


@pytest.mark.parametrize(
    ("line", "yaml", "box"),
    [
        ("0 .1 .1 .5 .2 .3 .9", YAML, [4, 2, 20, 18]),
        ("0 .25 0 .5 .5 .25 1 0 .5", YAML, [0, 0, 20, 20]),  # a turned box
        ("0 .5 .5 .5 .5 .1 .1 2 .9 .9 2", YAML + "kpt_shape: [2, 3]", [10, 5, 30, 15]),
    ],
)
def test_other_tasks_give_boxes_too(tmp_path: Path, line: str, yaml: str, box: list[int]) -> None:
    (record,) = records(folder(tmp_path, {"a": line}, yaml))
    np.testing.assert_allclose(record.boxes, [box])


def test_pictures_without_boxes_are_background_that_is_trained_on(tmp_path: Path) -> None:
    root = folder(tmp_path / "x", {"a": "0 .5 .5 .5 .5", "b": "", "c": None, "d": "0 .5 .5 1"})
    problems = Problems(tolerate=1)
    assert [len(record.boxes) for record in records(root, problems)] == [1, 0, 0, 0]
    assert problems.counts == {
        "picture without a label file, which is background": 1,
        "malformed line": 1,
    }
    index = open_index(reader(root), tmp_path / "index", tolerate=1)
    selected = Selection(keep_empty=True).for_training(index, "x")
    # A picture of which a line could not be read may show something.
    assert [index.images[row][-5] for row in selected.rows.tolist()] == ["a", "b", "c"]


def test_a_folder_whose_labels_are_elsewhere_is_not_all_background(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": None, "b": None})
    with pytest.raises(UserError, match=r"none of the 2 pictures of \S+data\.yaml \(train\) has a"):
        records(root)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("2 .5 .5 .5 .5", "the label 2 is none of the 2 `names`"),
        ("-1 .5 .5 .5 .5", "the label -1 is none"),
        ("0.5 .5 .5 .5 .5", r"the label 0\.5 is none"),
        ("cat .5 .5 .5 .5", "could not convert string to float"),
        ("0 .5 .5 .5", "neither a label with a box nor one with a polygon"),
        ("0 .1 .1 .5 .2 .3 .9 .4", "neither a label"),
        ("0 20 10 20 4", "parts of the picture, from 0 to 1, and not pixels"),
        ("0 nan .5 .5 .5", "parts of the picture"),
        ("0", "neither a label"),
    ],
)
def test_every_mistake_in_a_line_is_named(tmp_path: Path, line: str, fault: str) -> None:
    root = folder(tmp_path, {"a": f"0 .5 .5 .5 .5\n\n{line}\n"})
    with pytest.raises(UserError, match=rf"labels/train/a\.txt: line 3, .*{fault}"):
        records(root)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": "0 .5 .5 .5 .5", "b": "0 .5 .5 .5 .5"})
    (root / "images/train/a.png").write_bytes(b"no picture" * 200)
    (root / "labels/train/b.txt").write_bytes(b"\xff\xfe0\x00")
    problems = Problems(tolerate=1)
    (record,) = records(root, problems)
    assert record.image.endswith("b.png")
    assert not len(record.boxes)
    assert record.incomplete
    assert set(problems.counts) == {"unreadable picture", "unreadable label file"}


@pytest.mark.parametrize(("exif", "size"), [("upright", (40, 20)), ("stored", (20, 40))])
def test_boxes_are_parts_of_the_picture_as_it_is_shown(
    tmp_path: Path, exif: Exif, size: tuple[int, int]
) -> None:
    root = folder(tmp_path, {"a": "0 .5 .5 1 1"})
    header = Image.Exif()
    header[Base.Orientation] = 6
    Image.new("RGB", WIDE).save(root / "images/train/a.png", exif=header)
    source = YoloFolder.from_folder(root, root / "data.yaml", ["train"], exif)
    (record,) = source.read(Problems()).records
    assert record.size == size
    assert record.boxes.tolist() == [[0, 0, size[1], size[0]]]


def test_a_picture_that_is_added_is_noticed(tmp_path: Path) -> None:
    root = folder(tmp_path / "x", {"a": "0 .5 .5 .5 .5"})
    assert len(open_index(reader(root), tmp_path / "index")) == 1
    Image.new("RGB", WIDE).save(root / "images/train/b.png")  # background: no label file changes
    assert len(open_index(reader(root), tmp_path / "index")) == 2
    (root / "labels/train/b.txt").write_text("1 .5 .5 .5 .5")
    assert len(open_index(reader(root), tmp_path / "index").boxes.values) == 2


def test_messages_name_the_split(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": "0 .5 .5 .5 .5"})
    assert source_name(reader(root)) == f"{root / 'data.yaml'} (train)"
