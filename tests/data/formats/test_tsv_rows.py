from pathlib import Path

import pytest

from glip_pl.data.formats import tsv_rows
from glip_pl.data.formats.tsv_rows import offsets_file, read_row, row_offsets
from glip_pl.errors import UserError


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Rows that start at the bytes 0, 4 and 8; the last one has no end."""
    path = tmp_path / "rows.tsv"
    path.write_bytes(b"a\t1\nb\t2\nc\t3")
    return path


def test_rows_are_found_by_their_offset(rows: Path) -> None:
    assert row_offsets(rows).tolist() == [0, 4, 8]
    assert [read_row(rows, offset) for offset in (0, 4, 8)] == [b"a\t1", b"b\t2", b"c\t3"]


def test_offsets_are_read_from_the_file_beside_the_rows(rows: Path) -> None:
    offsets_file(rows).write_text("0\n8\n")
    assert offsets_file(rows).name == "rows.lineidx"
    assert row_offsets(rows).tolist() == [0, 8]


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the rows of .*absent\.tsv"):
        row_offsets(tmp_path / "absent.tsv")
    with pytest.raises(UserError, match=r"cannot read .*absent\.tsv"):
        read_row(tmp_path / "absent.tsv", 0)


def test_a_row_of_gigabytes_is_not_read(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tsv_rows, "MAX_ROW", 5)
    assert row_offsets(rows).tolist() == [0, 4, 8]
    monkeypatch.setattr(tsv_rows, "MAX_ROW", 4)
    with pytest.raises(UserError, match=r"rows\.tsv: a row has 4 bytes or more: too large"):
        row_offsets(rows)
