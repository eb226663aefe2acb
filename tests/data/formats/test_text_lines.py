"""Lines of a file, and ranges of them."""

from pathlib import Path

import pytest

from glip_pl.data.formats import text_lines
from glip_pl.data.formats.text_lines import Lines, line_ranges, read_lines

TEXT = b"first\n\nthird line\nfourth\r\nno end"


@pytest.mark.parametrize("size", [1, 6, 7, 20, 1000])
@pytest.mark.parametrize("longest", [4, 1000])
def test_ranges_hold_every_line_once(
    size: int, longest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_lines, "MAX_LINE", longest)
    path = tmp_path / "lines.txt"
    path.write_bytes(TEXT)
    every = list(read_lines(path))
    assert b"".join(line for _, line in every) == TEXT
    ranges = line_ranges(path, size)
    assert [one for part in ranges for one in read_lines(path, part)] == every
    assert all(part.end - part.start >= size for part in ranges[:-1])
    assert len(ranges) == 1 or size < len(TEXT)


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert line_ranges(tmp_path / "empty", 5) == []
    assert list(read_lines(tmp_path / "empty")) == []


def test_ranges_start_after_line_ends(tmp_path: Path) -> None:
    (tmp_path / "two").write_bytes(b"a\nbc\n")
    assert line_ranges(tmp_path / "two", 1) == [Lines(0, 2, 0), Lines(2, 5, 1)]
