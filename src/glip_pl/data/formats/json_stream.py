"""Reads large JSON files one entry at a time, so that a whole file is never in memory."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import ijson
import numpy as np

from glip_pl.data.file_kinds import foreign_kind
from glip_pl.errors import UserError

BUFFER = 1 << 20
"""Bytes that the parser reads at a time."""

MAX_DEPTH = 500
"""Most brackets left open. The parser's memory grows with the square of the depth."""


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
            raise UserError(f"{path} is {_fault(path, error)}") from error


def _fault(path: Path, error: Exception) -> str:
    """What is wrong with a file that the parser does not understand."""
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "written in UTF-16: save it in UTF-8"
    is_json = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
    kind = None if is_json else foreign_kind(head)
    return kind or f"not valid JSON (NaN and Infinity are not): {_line(error)}"


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
        # How what was read so far ends:
        self.depth = 0  # brackets that are open
        self.in_string = False
        self.escapes = False  # whether a backslash concerns the next byte

    def read(self, size: int) -> bytes:
        """The next bytes. Raises JSONError if they open more than MAX_DEPTH brackets."""
        chunk = self.file.read(size)
        if not self.started and size:
            self.started = True
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        if chunk and self._deepest(chunk) > MAX_DEPTH:
            raise ijson.JSONError(f"nested more than {MAX_DEPTH} deep")
        return chunk

    def _deepest(self, chunk: bytes) -> int:
        """The largest number of open brackets in the next bytes; those in strings do not count."""
        characters = np.frombuffer(self._without_escapes(chunk), dtype=np.uint8)
        quotes = characters == ord('"')
        # An even number of quotes lies before what is outside strings; a byte holds its parity.
        inside = (np.cumsum(quotes, dtype=np.uint8) + self.in_string) & 1
        self.in_string = bool(inside[-1])
        # Setting one bit turns "[" into "{" and "]" into "}", so that both kinds count alike.
        folded = characters | 0x20
        brackets = np.flatnonzero(((folded == ord("{")) | (folded == ord("}"))) & (inside == 0))
        steps = np.where(folded[brackets] == ord("{"), 1, -1)
        depths = self.depth + np.cumsum(steps, dtype=np.int64)
        self.depth = int(depths[-1]) if len(depths) else self.depth
        return int(depths.max(initial=0))

    def _without_escapes(self, chunk: bytes) -> bytes:
        """The bytes with the characters that backslashes escape replaced, so that quotes count."""
        if self.escapes:
            chunk = b"_" + chunk[1:]
        self.escapes = False
        if b"\\" not in chunk:
            return chunk
        plain = chunk.replace(b"\\\\", b"__")  # from left to right, as a parser reads them
        self.escapes = plain.endswith(b"\\")
        return plain.replace(b'\\"', b"__")
