from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from glip_pl.annotations.names import distinct_files, safe_parts, with_names
from glip_pl.errors import UserError
from tests.annotations.example import FOUND


def names(paths: list[str], root: Path | None) -> list[str]:
    images = [replace(FOUND, path=Path(path), name="") for path in paths]
    return [image.name for image in with_names(images, root)]


def test_pictures_are_called_by_their_path_below_the_folder(tmp_path: Path) -> None:
    paths = [str(tmp_path / "a/x.png"), str(tmp_path / "a/b/../c/x.png")]
    assert names(paths, None) == ["x.png", "c/x.png"]
    assert names(paths, tmp_path) == ["a/x.png", "a/c/x.png"]
    assert names(["a/x.png", "b.png"], None) == ["a/x.png", "b.png"]
    assert names([], None) == []
    with pytest.raises(UserError, match=r"a/x\.png is not below the folder .*/a/c"):
        names(paths, tmp_path / "a/c")


def test_a_given_name_is_kept(tmp_path: Path) -> None:
    named = with_names([replace(FOUND, name="own")], tmp_path)
    assert named[0].name == "own"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b.png", ("a", "b.png")),
        ("../../etc/x.png", ("etc", "x.png")),
        ("/etc/x.png", ("etc", "x.png")),
        ("..\\x.png", ("x.png",)),
        ("..", ("picture",)),
    ],
)
def test_no_name_leads_out_of_a_folder(name: str, parts: tuple[str, ...]) -> None:
    assert safe_parts(name) == parts


@pytest.mark.parametrize(
    ("given", "nested", "flat"),
    [
        (["a/x.png", "b/x.png"], ["a/x.png", "b/x.png"], ["a_x.png", "b_x.png"]),
        (["x.png", "x.jpg", "X.gif"], ["x.png", "x_2.jpg", "X_3.gif"], None),
        (["x.png", "x.jpg", "x_2.jpg"], ["x.png", "x_3.jpg", "x_2.jpg"], None),
        (["a/x.png", "a_x.png"], ["a/x.png", "a_x.png"], ["a_x.png", "a_x_2.png"]),
        (["x.1.png", "x.2.png"], ["x.1.png", "x.2.png"], None),
    ],
)
def test_files_differ_without_their_suffixes(
    given: list[str], nested: list[str], flat: list[str] | None
) -> None:
    assert distinct_files(given, flat=False) == nested
    assert distinct_files(given, flat=True) == (nested if flat is None else flat)
    assert len({PurePosixPath(file).with_suffix("") for file in nested}) == len(given)
