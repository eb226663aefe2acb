from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.images import (
    FORMATS,
    SUFFIXES,
    find_images,
    load_image,
    matching,
    suffix_of,
    upright,
)
from glip_pl.errors import UserError


def test_broken_and_missing_pictures_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    Image.new("RGB", (40, 30)).save(broken)
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(UserError, match=r"broken\.png is broken or no image"):
        load_image(broken)
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(UserError, match=r"text\.jpg"):
        load_image(tmp_path / "text.jpg")
    with pytest.raises(UserError, match="no such image"):
        load_image(tmp_path / "none.png")


def test_grey_and_transparent_pictures_become_rgb(tmp_path: Path) -> None:
    for mode in ("L", "RGBA", "P", "I;16", "CMYK"):
        path = tmp_path / f"{mode[0]}.tiff"
        Image.new(mode, (8, 6)).save(path)
        assert load_image(path).mode == "RGB"


def test_pictures_are_found_by_file_folder_or_pattern(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_images(str(tmp_path))] == ["a.JPG", "b.png"]
    assert [path.name for path in find_images(f"{tmp_path}/*.png")] == ["b.png"]
    (tmp_path / "x[1]").mkdir()
    assert matching(str(tmp_path / "x[1]")) == [tmp_path / "x[1]"]
    assert matching(str(tmp_path / "*.png")) == [tmp_path / "b.png"]
    assert find_images(str(tmp_path / "c.txt")) == [tmp_path / "c.txt"]
    with pytest.raises(UserError, match="names no picture"):
        find_images(str(tmp_path / "*.gif"))


def test_pictures_of_other_formats_are_told_once_and_a_similar_name_is_suggested(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("photo.jpg", "b.HEIC", "c.heic"):
        (tmp_path / name).touch()
    assert [path.name for path in find_images(str(tmp_path))] == ["photo.jpg"]
    assert "2 pictures are left out, because their formats are not read: b.HEIC, c.heic" in (
        caplog.text
    )
    with pytest.raises(UserError, match=r"names no picture .*; did you mean .*/photo\.jpg\?"):
        find_images(str(tmp_path / "phto.jpg"))


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    ramp = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    for suffix in ("png", "tif"):
        Image.fromarray(ramp).save(tmp_path / f"ramp.{suffix}")
        values = np.asarray(load_image(tmp_path / f"ramp.{suffix}"))[..., 0]
        assert (values == (ramp >> 8)).all()
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(UserError, match=r"depth\.tif holds numbers of no known range"):
        load_image(tmp_path / "depth.tif")


def test_photographs_can_be_turned_by_their_exif_orientation(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 10))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    stored = load_image(tmp_path / "turned.jpg")
    assert stored.size == (20, 10)
    assert upright(stored).size == (10, 20)


def test_every_format_that_is_read_can_be_written_into_a_shard(tmp_path: Path) -> None:
    for kind in FORMATS:
        path = tmp_path / f"picture.{kind.lower()}"
        Image.new("RGB", (4, 4)).save(path, format=kind)
        assert suffix_of(path.read_bytes()) in SUFFIXES
