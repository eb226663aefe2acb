"""The files of an index while they are written, one per column."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from glip_pl.data.index import COLUMNS


class ColumnFiles:
    """Appends rows to the files `<column>.bin` of an index."""

    def __init__(self, folder: Path) -> None:
        """`folder` must exist; the files are made when the context is entered."""
        self.folder = folder
        self.files: dict[str, IO[bytes]] = {}
        self.rows = dict.fromkeys(COLUMNS, 0)  # rows written to each column
        self.checksums = dict.fromkeys(COLUMNS, 0)  # CRC-32 of what was written to each column
        self.ends = {name: 0 for name in COLUMNS if name.endswith("_offsets")}  # last offsets

    def __enter__(self) -> Self:
        self.files = {name: (self.folder / f"{name}.bin").open("wb") for name in COLUMNS}
        for name in self.ends:
            self.append(name, [0])
        return self

    def __exit__(self, *error: object) -> None:
        for file in self.files.values():
            file.close()

    def append(self, name: str, values: Any) -> None:
        """Append rows to a column."""
        dtype, row_shape = COLUMNS[name]
        array = np.ascontiguousarray(values, dtype=dtype).reshape(-1, *row_shape)
        content = array.tobytes()
        self.files[name].write(content)
        self.checksums[name] = zlib.crc32(content, self.checksums[name])
        self.rows[name] += len(array)

    def append_lengths(self, name: str, lengths: Any) -> None:
        """Append to a column of offsets the ends of rows of these lengths."""
        ends = self.ends[name] + np.cumsum(np.asarray(lengths, dtype=np.int64))
        self.append(name, ends)
        self.ends[name] = int(ends[-1]) if len(ends) else self.ends[name]

    def append_texts(self, name: str, texts: Sequence[str]) -> None:
        """Append texts to the columns `<name>_bytes` and `<name>_offsets`."""
        # JSON can hold one half of a surrogate pair alone, which UTF-8 cannot encode.
        encoded = [text.encode(errors="replace") for text in texts]
        self.append(f"{name}_bytes", np.frombuffer(b"".join(encoded), dtype=np.uint8))
        self.append_lengths(f"{name}_offsets", [len(text) for text in encoded])

    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        for file in self.files.values():
            file.flush()
