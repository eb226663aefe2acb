"""Rows of TSV files, found by the byte offset at which they start."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glip_pl.errors import UserError

MAX_ROW = 256 << 20
"""Bytes of a row that are read at most; no picture is larger."""


def read_row(file: Path, offset: int) -> bytes:
    """The row that starts at a byte, without its line end. Raises UserError if it is unreadable.

    The file is opened for each row, because processes that share an open file share its position.
    """
    try:
        with file.open("rb") as rows:
            rows.seek(offset)
            return rows.readline(MAX_ROW).rstrip(b"\r\n")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error}") from error


def row_offsets(file: Path) -> NDArray[np.int64]:
    """Byte offsets of all rows (R,), from the .lineidx file beside it if there is one.

    Otherwise the file is scanned. Raises UserError if neither can be read.
    """
    listing = offsets_file(file)
    try:
        if listing.is_file():
            return np.fromstring(listing.read_text(), dtype=np.int64, sep="\n")
        with file.open("rb") as rows:
            lengths = [_row_length(row) for row in iter(lambda: rows.readline(MAX_ROW), b"")]
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the rows of {file}: {error}") from error
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)


def _row_length(row: bytes) -> int:
    """Bytes of a row. Raises ValueError if it was not read to its end."""
    if len(row) == MAX_ROW:
        raise ValueError(f"a row has {MAX_ROW} bytes or more: too large")
    return len(row)


def offsets_file(file: Path) -> Path:
    """The file beside a TSV file that lists the offsets of its rows, if it exists."""
    return file.with_suffix(".lineidx")
