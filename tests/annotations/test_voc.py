from pathlib import Path

from PIL import Image

from glip_pl.annotations.voc import write_voc
from glip_pl.files.plain_xml import read_plain_xml
from tests.annotations.example import EMPTY, FOUND, NAMES

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def test_pixels_count_from_one_and_the_last_belongs_to_the_box(tmp_path: Path) -> None:
    write_voc({"train": [FOUND]}, NAMES, tmp_path, copy_pictures=True)
    root = read_plain_xml(tmp_path / "Annotations/a_x.xml")
    assert root.findtext("filename") == "a_x.png"
    assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == [
        *("200", "50", "3")
    ]
    first, second = root.findall("object")
    assert first.findtext("name") == "red <dog>"
    assert [first.findtext(f"bndbox/{key}") for key in CORNERS] == ["11", "21", "30", "40"]
    assert [second.findtext(f"bndbox/{key}") for key in CORNERS] == ["1", "1", "200", "50"]


def test_splits_share_a_folder_and_have_lists(tmp_path: Path) -> None:
    write_voc({"train": [FOUND, EMPTY], "val": [EMPTY]}, NAMES, tmp_path, copy_pictures=False)
    lists = tmp_path / "ImageSets/Main"
    assert (lists / "train.txt").read_text() == "a_x\nb\n"
    assert (lists / "val.txt").read_text() == "b_2\n"
    assert len(list((tmp_path / "Annotations").iterdir())) == 3
    assert not (tmp_path / "JPEGImages").exists()
    assert (tmp_path / "labelmap.txt").read_text().splitlines()[1:] == ["cat:::", "red <dog>:::"]
    # Without a copy the file names the picture where it lies.
    assert read_plain_xml(tmp_path / "Annotations/a_x.xml").findtext("filename") == "a/x.png"


def test_a_box_below_a_pixel_keeps_one(tmp_path: Path) -> None:
    thin = FOUND.boxes.copy()
    thin[:] = [10.6, 20, 11.2, 20.4]
    image = type(FOUND)(tmp_path / "x.png", (50, 200), thin, FOUND.labels, name="x.png")
    Image.new("RGB", (200, 50)).save(image.path)
    write_voc({"train": [image]}, NAMES, tmp_path / "out", copy_pictures=True)
    box = read_plain_xml(tmp_path / "out/Annotations/x.xml").find("object/bndbox")
    assert box is not None
    assert [box.findtext(key) for key in CORNERS] == ["12", "21", "12", "21"]
    assert (tmp_path / "out/JPEGImages/x.png").is_file()
