import json
from pathlib import Path

import pytest

from glip_pl.data.formats import json_stream
from glip_pl.data.formats.json_stream import BUFFER, read_entries
from glip_pl.errors import UserError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.json"


def test_entries_of_a_key_are_read_in_their_order(file: Path) -> None:
    file.write_text('{"other": [{"id": 0}], "images": [{"id": 1, "x": [1.5, {}]}, {"id": 2}]}')
    assert list(read_entries(file, "images")) == [{"id": 1, "x": [1.5, {}]}, {"id": 2}]
    assert list(read_entries(file, "absent")) == []


def test_a_byte_order_mark_is_skipped(file: Path) -> None:
    file.write_text('{"images": [{"id": 1}]}', encoding="utf-8-sig")
    assert list(read_entries(file, "images")) == [{"id": 1}]


def test_files_may_be_longer_than_a_buffer(file: Path) -> None:
    entry = '{"name": "' + "x" * 10_000 + '"}'
    count = BUFFER // len(entry) + 2
    file.write_text('{"images": [' + ",".join([entry] * count) + "]}")
    assert len(list(read_entries(file, "images"))) == count


def test_entries_must_be_objects(file: Path) -> None:
    file.write_text('{"images": [{}, 5]}')
    with pytest.raises(UserError, match="entry 1 of `images` is not an object: 5"):
        list(read_entries(file, "images"))


@pytest.mark.parametrize("text", ['{"images": [{"id": NaN}]}', '{"images": [', '{"images"; 1}'])
def test_files_must_be_valid_json(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(UserError, match="is not valid JSON"):
        list(read_entries(file, "images"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer: fetch the file"),
        (b"<!DOCTYPE html>", r"is a web page \(HTML\)"),
        (b"\x1f\x8b\x08", "is a gzip archive: unpack it"),
        ('{"images": []}'.encode("utf-16"), "is written in UTF-16: save it in UTF-8"),
    ],
)
def test_other_files_are_called_what_they_are(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(read_entries(file, "images"))


@pytest.mark.timeout(20)
def test_endless_nesting_is_refused_at_once(file: Path) -> None:
    """The memory of a streaming parser would grow with the square of the depth."""
    file.write_text('{"images":' + "[" * 200_000)
    with pytest.raises(UserError, match="nested more than 500 deep"):
        list(read_entries(file, "images"))


@pytest.mark.timeout(20)
def test_nesting_is_counted_over_all_buffers(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "BUFFER", 64)
    file.write_text('{"images": ' + (" " * 32 + "[") * 499 + "]" * 499 + "}")
    with pytest.raises(UserError, match="entry 0 of `images` is not an object"):
        list(read_entries(file, "images"))
    file.write_text('{"images": ' + (" " * 32 + "[") * 1000)
    with pytest.raises(UserError, match="nested more than 500 deep"):
        list(read_entries(file, "images"))


@pytest.mark.parametrize("buffer", [1, 2, 3, 7, 64, BUFFER])
def test_brackets_in_strings_do_not_count(
    buffer: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "BUFFER", buffer)
    texts = ["[" * 600, 'a "quoted" ' + "{" * 600, "\\" * 5 + "[" * 600, "]" * 600, "\\"]
    entries = [{"caption": text, "box": [1, [2]]} for text in texts]
    file.write_text(json.dumps({"images": entries}))
    assert list(read_entries(file, "images")) == entries
