from pathlib import Path

import pytest

from glip_pl.data.formats.tsv_chunk import TsvChunk
from glip_pl.errors import UserError


def write(folder: Path, settings: str = "", **files: str) -> Path:
    """A YAML that names a picture and a label file, and what else `settings` say."""
    (folder / "img.tsv").touch()
    (folder / "label.tsv").write_text('7\t{"img_id": 9}\n')
    for name, text in files.items():
        (folder / name).write_text(text)
    source = folder / "train.yaml"
    source.write_text(f"img: img.tsv\nlabel: label.tsv\n{settings}")
    return source


def test_the_files_are_those_of_the_yaml(tmp_path: Path) -> None:
    source = write(tmp_path, "hw: sizes\nlinelist: null", sizes="7\t40 60\n")
    chunk = TsvChunk.read(source)
    assert chunk.files() == [source, chunk.img, chunk.label, tmp_path / "sizes"]
    assert chunk.read_label(0) == ("7", b'{"img_id": 9}')
    assert chunk.read_size(0) == (40, 60)
    (tmp_path / "img.lineidx").touch()  # in place of the large file of pictures
    assert chunk.files()[1] == tmp_path / "img.lineidx"


def test_a_yaml_needs_pictures_labels_and_files_that_exist(tmp_path: Path) -> None:
    source = write(tmp_path, "hw: absent")
    with pytest.raises(UserError, match="names `hw: absent`, and there is no such file"):
        TsvChunk.read(source)
    source = write(tmp_path, f"hw: {'a' * 5000}")
    with pytest.raises(UserError, match=r"the file name 'aaa.* is too long") as raised:
        TsvChunk.read(source)
    assert len(str(raised.value)) < 500
    source.write_text("img: img.tsv")
    with pytest.raises(UserError, match="names no `img` and `label`"):
        TsvChunk.read(source)
    source.write_text("img: [")
    with pytest.raises(UserError, match=r"cannot read .*train\.yaml"):
        TsvChunk.read(source)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.json", '{"label_to_idx": {"dog": 2, "__background__": 0, "cat": 1}}'),
        ("map.json", '{"dog": "2", "cat": 1}'),
        ("map.tsv", "cat\t5\ndog\t3\n"),
    ],
)
def test_names_are_in_the_order_of_their_numbers(tmp_path: Path, name: str, text: str) -> None:
    chunk = TsvChunk.read(write(tmp_path, f"labelmap: {name}", **{name: text}))
    assert chunk.names() == ["cat", "dog"]


def test_other_label_maps_are_refused(tmp_path: Path) -> None:
    chunk = TsvChunk.read(write(tmp_path, "jsondict: map.json", **{"map.json": "[1]"}))
    with pytest.raises(UserError, match=r"map\.json is not a label map"):
        chunk.names()
    assert TsvChunk.read(write(tmp_path)).names() == []


def test_a_linelist_selects_and_repeats_rows(tmp_path: Path) -> None:
    chunk = TsvChunk.read(write(tmp_path, "linelist: rows", rows="2\n0\n2\n"))
    assert list(chunk.label_rows(3)) == [2, 0, 2]
    assert list(TsvChunk.read(write(tmp_path)).label_rows(3)) == [0, 1, 2]
    write(tmp_path, rows="first")
    with pytest.raises(UserError, match="rows is not a list of row numbers"):
        chunk.label_rows(3)


def test_pictures_may_have_an_order_of_their_own(tmp_path: Path) -> None:
    chunk = TsvChunk.read(write(tmp_path, "imageid2idx: ids", ids='{"9": 4}'))
    assert chunk.picture_row({"img_id": 9}, 0) == 4
    assert TsvChunk.read(write(tmp_path)).picture_row({"img_id": 9}, 0) == 0


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    deep = "[" * 200_000
    chunk = TsvChunk.read(
        write(tmp_path, "labelmap: map.json\nimageid2idx: ids", **{"map.json": deep, "ids": deep})
    )
    with pytest.raises(UserError, match=r"map\.json is not a label map"):
        chunk.names()
    with pytest.raises(UserError, match=r"cannot read .*ids"):
        chunk.picture_row({"img_id": 9}, 0)
    other = TsvChunk.read(write(tmp_path, "imageid2idx: ids", ids="[1]"))
    with pytest.raises(UserError, match="not a JSON object of row numbers"):
        other.picture_row({"img_id": 9}, 0)
    (tmp_path / "train.yaml").write_text("img: &img img.tsv\nlabel: *img")
    with pytest.raises(UserError, match="has aliases"):
        TsvChunk.read(tmp_path / "train.yaml")
