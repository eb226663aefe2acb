from pathlib import Path

import pytest

from glip_pl.data.formats.voc_files import find_files, picture_name
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.picture_names import FolderNames
from glip_pl.errors import UserError


def files(root: Path, *names: str, listing: str = "") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    if listing:
        (root / "ImageSets/Main").mkdir(parents=True)
        (root / "ImageSets/Main/train.txt").write_bytes(listing.encode("utf-8-sig"))
    return root


@pytest.mark.parametrize(
    ("lines", "stems"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a -1\r\nb  1\r\n\r\n", ["a", "b"]),
        ("my photo (1)\nphoto 1\n", ["my photo (1)", "photo 1"]),  # no second column
        ("my photo (1) +1\nphoto 1 0\n", ["my photo (1)", "photo 1"]),
        ("a.jpg\nJPEGImages/b.png\n", ["a", "b"]),
        ("missing 1\n", ["missing"]),
    ],
)
def test_lists_name_pictures_with_or_without_a_second_column(
    lines: str, stems: list[str], tmp_path: Path
) -> None:
    all_stems = ("a", "b", "my photo (1)", "photo 1")
    root = files(tmp_path, *(f"Annotations/{stem}.xml" for stem in all_stems), listing=lines)
    found = find_files(root, "train")
    assert [path.stem for path in found.xml] == stems
    assert {path.stem for path in found.others} == set(all_stems) - set(stems)
    assert found.listing == root / "ImageSets/Main/train.txt"


def test_without_a_split_all_files_of_the_folder_are_read(tmp_path: Path) -> None:
    root = files(tmp_path, "b.XML", "a.xml", "a.jpg")
    found = find_files(root, None)
    assert [path.name for path in found.xml] == ["a.xml", "b.XML"]
    assert found.pictures == [root]
    with pytest.raises(UserError, match=r"holds no \.xml file"):
        find_files(files(tmp_path / "empty", "a.jpg"), None)


def test_pictures_lie_in_their_own_folder_or_beside_the_files(tmp_path: Path) -> None:
    root = files(tmp_path, "train/Annotations/a.xml", "train/images/a.jpg", "valid/b.xml")
    assert find_files(root, "train").pictures[0] == root / "train/images"
    assert [path.name for path in find_files(root, "train").others] == ["b.xml"]
    assert find_files(root, "val").pictures == [root / "valid"]


def test_a_picture_is_named_relative_to_its_folder(tmp_path: Path) -> None:
    root = files(tmp_path, "one/x.txt", "two/sub/a.png", "two/7.JPEG")
    images = ImageFolder.at([root / "one", root / "two" / ".." / "two"])
    assert picture_name(images, FolderNames(), "7", "other.png") == "7.JPEG"
    assert picture_name(images, FolderNames(), "8", "sub/a.png") == "sub/a.png"
    assert picture_name(images, FolderNames(), "8", "../../secret.png") == "8.png"
    assert picture_name(images, FolderNames(), "8", "notes.txt") == "8.jpg"
