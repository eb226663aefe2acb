"""Pictures are found under the names of annotations, and no file outside their folders is."""

from pathlib import Path

import pytest
from PIL import Image

from glip_pl.data.image_folder import ImageFolder, inside
from glip_pl.errors import UserError


def test_file_names_never_lead_out_of_their_folder(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b.png") == tmp_path / "a/b.png"
    assert inside(Path(), "a/./b.png") == Path.cwd() / "a/b.png"
    with pytest.raises(UserError, match="leads out of"):
        inside(Path(), "../x.png")
    for name in ("../x.png", "/etc/passwd", "a/../../x.png"):
        with pytest.raises(UserError, match="leads out of"):
            inside(tmp_path, name)


def png(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name, "PNG")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.jpg", "A.JPG"),
        ("IMAGES/a.jpg", "images/a.JPG"),
        ("a%20b.png", "a b.png"),
        ("/data/upload/7/1234abcd-a b.png", "a b.png"),
        (r"C:\cells\deep\c.png", "deep/c.png"),
        ("http://host/x/c.png?size=9", "images/c.png"),
        ("d.png", "images/d.png"),
    ],
)
def test_pictures_are_found_under_the_names_that_programs_give_them(
    name: str, file: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    png(tmp_path, file)
    folder = ImageFolder.at(tmp_path)
    assert folder.find(name) == tmp_path / file
    assert folder.find(name) == tmp_path / file
    assert folder.replaced == {tmp_path / file: name}
    assert len(caplog.records) == 1 and f"no picture is called {name!r}" in caplog.text


def test_absolute_names_and_backslashes_are_read_inside_the_folders(tmp_path: Path) -> None:
    png(tmp_path, "train/a.png", "b.png")
    folder = ImageFolder.at([tmp_path / "train", tmp_path])
    assert folder.find("train\\a.png") == tmp_path / "train/a.png"
    assert folder.find(str(tmp_path / "b.png")) == tmp_path / "b.png"
    assert folder.find(str(tmp_path / "train/a.png")) == tmp_path / "train/a.png"
    assert not folder.replaced
    with pytest.raises(UserError, match="leads out of"):
        folder.find("/etc/hostname")
    with pytest.raises(UserError, match="leads out of"):
        folder.find("../" * 20 + "etc/hostname")


def test_two_names_never_mean_one_picture(tmp_path: Path) -> None:
    png(tmp_path, "0001.png")
    folder = ImageFolder.at(tmp_path)
    folder.find("camera1/0001.png")
    for name in ("camera2/0001.png", "0001.png"):
        with pytest.raises(UserError, match=r"both 'camera1/0001\.png' and"):
            folder.find(name)
    [message] = folder.contested(["0001.png", "camera1/0001.png"])
    assert "both 'camera1/0001.png' and '0001.png' of the annotations could be" in message
    assert folder.contested(["camera1/0001.png"]) == []


def test_a_missing_picture_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    png(tmp_path, "a_1.png", "sub/b.png")
    folder = ImageFolder.at(tmp_path)
    with pytest.raises(UserError, match=r"no such image: .*a_1\.jpg; did you mean .*/a_1\.png\?"):
        folder.find("a_1.jpg")
    with pytest.raises(UserError, match=r"no such image: .*sub is no regular file"):
        folder.find("sub")
    with pytest.raises(UserError, match=r"cannot read the image .*too long"):
        folder.find("x" * 300 + ".png")


def test_files_that_are_too_small_for_pictures_are_named_without_decoding(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "pointer.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid 0\n")
    folder = ImageFolder.at(tmp_path)
    with pytest.raises(UserError, match=r"empty\.jpg is empty \(0 bytes\)"):
        folder.find("empty.jpg")
    with pytest.raises(UserError, match=r"pointer\.jpg is a Git LFS pointer: fetch"):
        folder.find("pointer.jpg")


@pytest.mark.parametrize("name", ["a" * 256, f"{'ü' * 130}/b.png", "a/" * 3 + "x" * 5000])
def test_names_that_no_system_has_are_told_and_cut(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is too long") as told:
        inside(tmp_path, name)
    assert len(str(told.value)) < 500
