from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.files.reading import parse_json, read_json, read_own


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


@pytest.mark.parametrize("content", ["{", "[]", "null", "{}", '{"AP": {}}', '"AP"'])
def test_a_damaged_file_of_an_earlier_run_is_named_with_the_remedy(
    content: str, tmp_path: Path
) -> None:
    path = tmp_path / "done.json"
    path.write_text('{"AP": 0.5}')
    assert read_own(path, lambda done: float(done["AP"]), "remove it") == 0.5
    path.write_text(content)
    with pytest.raises(UserError, match=r"done\.json is damaged: remove it"):
        read_own(path, lambda done: float(done["AP"]), "remove it")
