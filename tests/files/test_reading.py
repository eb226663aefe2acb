from pathlib import Path

import pytest

from glip_pl.files.reading import parse_json, read_json


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe\xfd", b"1" * 5000])
def test_every_damaged_file_raises_the_same_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_json(path)
    with pytest.raises(ValueError, match=r"."):
        parse_json(content)


def test_the_content_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"é": [1, null]}', encoding="utf-8")
    assert read_json(path) == {"é": [1, None]}
    with pytest.raises(OSError, match="missing"):
        read_json(tmp_path / "missing.json")
