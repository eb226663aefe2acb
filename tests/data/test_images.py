from pathlib import Path

import pytest
from PIL import Image

from glip_pl.data.images import find_images, inside, load_image, matching
from glip_pl.errors import UserError


def test_names_never_leave_their_folder(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b.png") == tmp_path / "a/b.png"
    assert inside(Path(), "a/./b.png") == Path.cwd() / "a/b.png"
    with pytest.raises(UserError, match="leads out of"):
        inside(Path(), "../x.png")
    for name in ("../x.png", "/etc/passwd", "a/../../x.png"):
        with pytest.raises(UserError, match="leads out of"):
            inside(tmp_path, name)


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


def test_files_folders_and_patterns(tmp_path: Path) -> None:
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
