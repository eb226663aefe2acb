"""A file of names has one name per line; files of other formats are refused."""

from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.prompts.names_file import read_names


def test_lines_are_names(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\ufeffred star\n\n  St. Bernard \nsofa, couch\n- dash\n")
    names = ["red star", "St. Bernard", "sofa, couch", "- dash"]
    assert read_names(tmp_path / "names.txt") == names


@pytest.mark.parametrize(
    "content",
    [
        "1 dollar bill\n5 dollar bill",
        "name tag\nlabel: red",
        "sofa, couch\nsauce, ketchup",
        "id card\nclass 1, small\nclassroom",
        "7up\n3d glasses",
    ],
)
def test_names_may_hold_numbers_and_commas(content: str, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text(content)
    assert read_names(tmp_path / "names.txt") == content.splitlines()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.json", '["circle"]', "JSON"),
        ("a.txt", '\n["circle", "square"]', "JSON"),
        ("a.csv", "id,name\n1,circle", "CSV"),
        ("a.txt", "1\tcircle\n2\tsquare", "CSV"),
        ("a.YAML", "names: [circle]", "YAML"),
        ("a.txt", "- circle\n- square", "YAML"),
        ("a.txt", "names: [circle, square]", "YAML"),
        ("a.txt", "nc: 2\nnames: [circle, square]", "YAML"),
        ("a.txt", "id,name\n1,circle", "CSV"),
        ("a.txt", "/m/01,circle\n/m/02,square", "CSV"),
        ("a.txt", "n01440764 tench\nn01443537 goldfish, Carassius", "CSV"),
        ("a.txt", "0: circle\n1: square", "a numbered list"),
        ("a.txt", "1. circle\n2. square", "a numbered list"),
        ("a.txt", "0 circle\n1 square", "a numbered list"),
        ("a.txt", "'circle',\n'square'", "a list in quotes"),
        ("a.txt", "CLASSES = ('circle', 'square')", "a program or TOML"),
        ("a.txt", "item {\n  id: 1\n}", "a label map"),
        ("a.txt", "<html>\n</html>", "XML or a web page"),
        ("a.txt", "| id | name |\n|---|---|", "a table"),
    ],
)
def test_tables_are_refused_with_the_form_to_use(
    name: str, content: str, kind: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=f"is {kind}: .*one name per line.*names=\\[cat, dog\\]"):
        read_names(tmp_path / name)


def test_an_empty_file_and_a_picture_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n")
    with pytest.raises(UserError, match=r"a\.txt holds no name"):
        read_names(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("c\0i\0\n")
    with pytest.raises(UserError, match=r"a\.txt is no text"):
        read_names(tmp_path / "a.txt")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(UserError, match=r"cannot read the names: .*a\.png is no text in UTF-8"):
        read_names(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"No such file.*cat.*or a list, names=\[cat, dog\]"):
        read_names(Path("cat"))
