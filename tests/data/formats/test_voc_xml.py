"""Single XML files of VOC's form."""

from pathlib import Path

import pytest

from glip_pl.data.formats.voc_xml import MALFORMED, Pictures, names_in, parse
from glip_pl.data.image_folder import ImageFolder

TEXT = (
    "<annotation><filename>old.jpg</filename><size><width>30</width><height>20</height></size>"
    "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax>"
    "</bndbox></object><object><name>dog</name><difficult>1</difficult></object></annotation>"
)


def test_boxes_count_from_one_and_difficult_objects_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(TEXT)
    record, names = parse(tmp_path / "a.xml", 7, Pictures(ImageFolder.at([tmp_path])))
    assert (record.image, record.size, record.image_id) == ("a.jpg", (20, 30), 7)
    assert record.boxes.tolist() == [[0, 1, 9, 8]]
    assert names == ["cat"] and record.incomplete
    assert names_in(tmp_path / "a.xml") == {"cat", "dog"}


def test_a_size_that_nothing_tells_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(TEXT.replace("<width>30</width>", ""))
    with pytest.raises(MALFORMED, match="its picture cannot tell"):
        parse(tmp_path / "a.xml", 7, Pictures(ImageFolder.at([tmp_path])))
    (tmp_path / "b.xml").write_text("<annotation>")
    assert names_in(tmp_path / "b.xml") == set()
