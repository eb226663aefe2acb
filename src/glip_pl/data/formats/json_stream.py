"""Reads large JSON files one entry at a time, so that a whole file is never in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import ijson
import numpy as np

from glip_pl.errors import UserError

BUFFER = 1 << 20
"""Bytes that the parser reads at a time."""

MAX_DEPTH = 500
"""Most brackets left open in one buffer. The parser's memory grows with the square of the depth."""


def read_entries(path: Path, key: str) -> Iterator[dict[str, Any]]:
    """The objects of the list under a top-level key; none if the file has no such key.

    Raises UserError if the file is not valid JSON, or if an entry of the list is not an object.
    """
    for number, entry in enumerate(_parse(path, key)):
        if not isinstance(entry, dict):
            raise UserError(f"{path}: entry {number} of `{key}` is not an object: {entry!r:.60}")
        yield entry


def _parse(path: Path, key: str) -> Iterator[Any]:
    with path.open("rb") as file:
        try:
            yield from ijson.items(_Shallow(file), f"{key}.item", use_float=True, buf_size=BUFFER)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path} is not valid JSON (NaN and Infinity are not): {_line(error)}"
            ) from error


def _line(error: Exception) -> str:
    """The message of a parser's error as a single short line."""
    message = error.args[0] if error.args else error
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return " ".join(text.split())[:200]


class _Shallow:
    """A file that refuses deep nesting and leaves out the byte order mark of UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.started = False

    def read(self, size: int) -> bytes:
        chunk = self.file.read(size)
        if not self.started and size:
            self.started = True
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        # Brackets inside strings count too, but no real file has hundreds of them in one buffer.
        # Setting one bit turns "[" into "{" and "]" into "}", so that both kinds count alike.
        folded = np.frombuffer(chunk, dtype=np.uint8) | 0x20
        steps = (folded == ord("{")).astype(np.int8) - (folded == ord("}")).astype(np.int8)
        if len(chunk) and int(np.cumsum(steps, dtype=np.int32).max()) > MAX_DEPTH:
            raise ijson.JSONError(f"nested more than {MAX_DEPTH} deep")
        return chunk
