from pathlib import Path

import pytest
from PIL import Image

from glip_pl.data.formats.voc import VocXml
from glip_pl.data.indexing import open_index
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError

SIZE = "<size><width>20</width><height>20</height></size>"
CAT = (
    "<object><name>cat</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax>"
    "</bndbox></object>"
)


def xml(path: Path, name: str, content: str = SIZE + CAT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation><filename>{name}</filename>{content}</annotation>")


def picture(path: Path, width: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, 20)).save(path, "PNG")


@pytest.mark.parametrize(
    ("stems", "ids"),
    [
        (["2008_000001", "2008_000012"], [2008000001, 2008000012]),
        (["12_3", "1_23"], [0, 1]),  # both would be 123
        (["5", "cat"], [0, 1]),
    ],
)
def test_ids_are_the_numbers_of_the_files_if_all_differ(
    stems: list[str], ids: list[int], tmp_path: Path
) -> None:
    (tmp_path / "JPEGImages").mkdir()
    for stem in stems:
        xml(tmp_path / "Annotations" / f"{stem}.xml", f"{stem}.jpg")
    index = open_index(VocXml(tmp_path), tmp_path / "index")
    assert sorted(index.image_ids.tolist()) == sorted(ids)


@pytest.mark.parametrize(
    ("stem", "given", "file"),
    [
        ("000001", "000002.jpg", "000001.jpg"),  # copied from another file
        ("000001", "000001", "000001.jpg"),
        ("000001", "000001.png", "000001.JPG"),
        ("000001", "", "000001.png"),
        ("my photo (1)", r"C:\Users\me\my photo (1).jpg", "my photo (1).jpg"),
        ("7", "cells/a.png", "a.png"),  # no picture has the file's stem
        ("7", "/home/me/A b.png", "a b.png"),
    ],
)
def test_the_picture_is_that_of_the_same_stem_or_else_the_named_one(
    stem: str, given: str, file: str, tmp_path: Path
) -> None:
    xml(tmp_path / "Annotations" / f"{stem}.xml", given)
    picture(tmp_path / "JPEGImages" / file)
    reader = VocXml(tmp_path)
    (record,) = reader.read(Problems()).records
    assert record.image == file
    assert reader.open_images().load(record.image).size == (20, 20)


def test_without_a_picture_the_record_has_the_stem(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    xml(tmp_path / "Annotations/000001.xml", "000002.png")
    (record,) = VocXml(tmp_path).read(Problems()).records
    assert record.image == "000001.png"


def test_xml_files_beside_the_pictures_of_each_split_are_read(tmp_path: Path) -> None:
    """Roboflow's export; a category of one split only is one of all."""
    for split, name in (("train", "cat"), ("valid", "dog")):
        picture(tmp_path / split / "a.png")
        xml(tmp_path / split / "a.xml", "a.png", SIZE + CAT.replace("cat", name))
    for split, label in (("train", 0), ("val", 1)):
        reader = VocXml(tmp_path, split)
        contents = reader.read(Problems())
        (record,) = contents.records
        assert (contents.names, record.targets.tolist()) == (["cat", "dog"], [label])
        assert reader.open_images().find(record.image).parent.name[:3] == split[:3]
        assert len(reader.files) == 2  # a new category in another split is noticed
    with pytest.raises(UserError, match=r"has no split test: neither the list .* nor a folder"):
        VocXml(tmp_path, "test").read(Problems())


def test_a_picture_tells_its_size_if_the_file_does_not(tmp_path: Path) -> None:
    xml(tmp_path / "Annotations/a.xml", "a.png", CAT)
    picture(tmp_path / "JPEGImages/a.png", width=30)
    (record,) = VocXml(tmp_path).read(Problems()).records
    assert record.size == (20, 30)
    (tmp_path / "JPEGImages/a.png").unlink()
    with pytest.raises(UserError, match="it gives no <size>, and its picture cannot tell: no such"):
        VocXml(tmp_path).read(Problems())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations><version>1.1</version></annotations>", "its root is <annotations>, not"),
        (f"<annotation>{SIZE}{CAT.replace('cat', ' ')}</annotation>", "a category is empty"),
        (f"<annotation>{SIZE}<object><name>cat</name></object></annotation>", "<bndbox/xmin> is"),
        ("<annotation>", "no element found"),
        ("", "no element found"),
        ("<?xml version='1.0' encoding='no-such'?><annotation/>", "unknown encoding"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text(text)
    with pytest.raises(UserError, match=f"a.xml is not VOC's XML: .*{message}"):
        VocXml(tmp_path).read(Problems())


def test_a_picture_with_difficult_objects_alone_is_no_background(tmp_path: Path) -> None:
    difficult = CAT.replace("<bndbox>", "<difficult>1</difficult><bndbox>")
    xml(tmp_path / "Annotations/a.xml", "a.jpg", SIZE + difficult)
    (record,) = VocXml(tmp_path).read(Problems()).records
    assert not len(record.boxes) and record.incomplete
