from pathlib import Path

from glip_pl.annotations.cvat import write_cvat
from glip_pl.files.plain_xml import read_plain_xml
from tests.annotations.example import EMPTY, FOUND, NAMES


def test_corners_are_pixels_and_labels_those_of_the_task(tmp_path: Path) -> None:
    write_cvat([EMPTY, FOUND], NAMES, tmp_path / "a.xml")
    root = read_plain_xml(tmp_path / "a.xml")
    assert root.findtext("version") == "1.1"
    assert [label.findtext("name") for label in root.iter("label")] == NAMES
    empty, image = root.findall("image")
    assert (empty.attrib["id"], len(empty)) == ("0", 0)
    assert image.attrib == {"id": "1", "name": "a/x.png", "width": "200", "height": "50"}
    box = image[0].attrib
    assert [float(box[key]) for key in ("xtl", "ytl", "xbr", "ybr")] == [10, 20, 30.25, 40]
    assert (box["label"], box["source"]) == ("red <dog>", "auto")
