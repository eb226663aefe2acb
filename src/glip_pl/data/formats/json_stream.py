"""Large JSON files, one item at a time: gigabytes never become Python objects at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import ijson
import numpy as np

from glip_pl.errors import UserError

BUFFER = 1 << 20
MAX_DEPTH = 500
"""Brackets left open within one buffer. The parser's memory grows with the square of the depth."""


def items(path: Path, key: str) -> Iterator[dict[str, Any]]:
    """The objects in the list under a top-level key, none if there is no such key.

    Raises UserError if the file is no JSON, or its list holds something else.
    """
    with path.open("rb") as file:
        try:
            found = ijson.items(_Shallow(file), f"{key}.item", use_float=True, buf_size=BUFFER)
            for number, item in enumerate(found):
                if not isinstance(item, dict):
                    raise UserError(f"{path}: entry {number} of `{key}` is no object: {item!r:.60}")
                yield item
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path} is not valid JSON (NaN and Infinity are not): {_line(error)}"
            ) from error


def _line(error: Exception) -> str:
    said = error.args[0] if error.args else error
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())[:200]


class _Shallow:
    """A file that refuses to be nested without end, and hides the mark of Windows' UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.started = False

    def read(self, size: int) -> bytes:
        chunk = self.file.read(size)
        if not self.started and size:
            self.started = True
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        # Brackets in texts count too: by the hundred in one buffer they do not occur.
        folded = np.frombuffer(chunk, dtype=np.uint8) | 0x20  # "[" and "{" become one, so do "]}"
        steps = (folded == ord("{")).astype(np.int8) - (folded == ord("}")).astype(np.int8)
        if len(chunk) and int(np.cumsum(steps, dtype=np.int32).max()) > MAX_DEPTH:
            raise ijson.JSONError(f"nested more than {MAX_DEPTH} deep")
        return chunk
