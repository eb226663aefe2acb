from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.files.small_yaml import MAX_BYTES, read_small_yaml


def read(folder: Path, text: str) -> object:
    path = folder / "train.yaml"
    path.write_text(text)
    return read_small_yaml(path)


def test_plain_settings_are_read(tmp_path: Path) -> None:
    text = "img: a.tsv\nlabel: für.tsv\nhw: null\n"
    assert read(tmp_path, text) == {"img": "a.tsv", "label": "für.tsv", "hw": None}


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "has aliases"),
        ("a: &a {img: x}\nb: {<<: *a}", "has aliases"),
        ("img: " + "[" * 100_000, "nested more than 20 deep"),
        ("".join(" " * level + "a:\n" for level in range(1000)), "nested more than 20 deep"),
        ("img: " + "x" * MAX_BYTES, "more than 1048576 bytes"),
        ("img: [", "parsing"),
        ("img: !!timestamp x", "cannot read"),
        ("img: !!int ''", "cannot read"),
        ("img: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_files_that_expand_or_nest_without_end_are_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*absent\.yaml"):
        read_small_yaml(tmp_path / "absent.yaml")
