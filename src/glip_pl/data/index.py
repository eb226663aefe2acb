"""The records of a source as arrays on disk, which all processes map instead of copying them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.arrays import Ragged, Strings
from glip_pl.files.reading import read_json
from glip_pl.spans import Phrase

COLUMNS: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "image_ids": (np.int64, ()),
    "image_offsets": (np.int64, ()),
    "image_bytes": (np.uint8, ()),
    "sizes": (np.int32, (2,)),
    "box_offsets": (np.int64, ()),
    "boxes": (np.float32, (4,)),
    "targets": (np.int32, ()),
    "scores": (np.float32, ()),
    "captioned": (np.bool_, ()),
    "empty": (np.bool_, ()),
    "caption_offsets": (np.int64, ()),
    "caption_bytes": (np.uint8, ()),
    "phrase_offsets": (np.int64, ()),
    "span_offsets": (np.int64, ()),
    "spans": (np.int32, (2,)),
    "listed": (np.bool_, ()),
    "absent_offsets": (np.int64, ()),
    "absent": (np.int32, ()),
    "not_exhaustive_offsets": (np.int64, ()),
    "not_exhaustive": (np.int32, ()),
}
"""Type and shape of one row of each file `<name>.bin` of an index."""


@dataclass(frozen=True, eq=False)
class Index:
    """The records of a source, in its order: I records with N boxes, P phrases of S spans each.

    The fields are many because each is one array of a plain table.
    """

    folder: Path
    names: Sequence[str]  # categories, in the order of their ids
    image_ids: NDArray[np.int64]  # (I,)
    images: Strings  # (I,) names by which the reader's images load them
    sizes: NDArray[np.int32]  # (I, 2) height and width, pixels
    boxes: Ragged[np.float32]  # I x (N, 4) float32, inclusive corners
    targets: Ragged[np.int32]  # I x (N,) int32, index of a category or phrase
    scores: Ragged[np.float32]  # I x (N,) float32; 1 for boxes that people drew
    captions: Strings  # (I,) empty without a caption
    captioned: NDArray[np.bool_]  # (I,) whether targets are phrases of a caption
    empty: NDArray[np.bool_]  # (I,) whether nothing at all was annotated: only background is seen
    phrase_offsets: NDArray[np.int64]  # (I + 1,) first row in `spans` of each record's phrases
    spans: Ragged[np.int32]  # phrases x (S, 2) int32, characters [start, end)
    listed: NDArray[np.bool_]  # (I,) whether `absent` says all that is known to be absent
    absent: Ragged[np.int32]  # I x (M,) int32, categories that were looked for and not found
    not_exhaustive: Ragged[
        np.int32
    ]  # I x (M,) int32, categories not all of whose objects have boxes
    blocks: NDArray[np.int64]  # first records of the source's files, and the number of records

    def __len__(self) -> int:
        return len(self.image_ids)

    def __reduce__(self) -> tuple[Any, ...]:
        # Spawned workers map the files again instead of receiving copies of the arrays.
        return Index.open, (self.folder,)

    def phrases(self, row: int) -> tuple[Phrase, ...]:
        """The phrases of a record's caption; none without a caption."""
        first, end = self.phrase_offsets[row : row + 2].tolist()
        return tuple(
            tuple((int(start), int(stop)) for start, stop in self.spans[phrase])
            for phrase in range(first, end)
        )

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map an index. Raises OSError, ValueError or KeyError if it is incomplete or damaged."""
        meta = read_json(folder / "meta.json")
        column = {name: _map(folder, name, meta["rows"][name]) for name in COLUMNS}
        box_offsets = column["box_offsets"]
        return cls(
            folder=folder,
            names=meta["names"],
            image_ids=column["image_ids"],
            images=Strings(Ragged(column["image_bytes"], column["image_offsets"])),
            sizes=column["sizes"],
            boxes=Ragged(column["boxes"], box_offsets),
            targets=Ragged(column["targets"], box_offsets),
            scores=Ragged(column["scores"], box_offsets),
            captions=Strings(Ragged(column["caption_bytes"], column["caption_offsets"])),
            captioned=column["captioned"],
            empty=column["empty"],
            phrase_offsets=column["phrase_offsets"],
            spans=Ragged(column["spans"], column["span_offsets"]),
            listed=column["listed"],
            absent=Ragged(column["absent"], column["absent_offsets"]),
            not_exhaustive=Ragged(column["not_exhaustive"], column["not_exhaustive_offsets"]),
            blocks=np.asarray(meta["blocks"], dtype=np.int64),
        )


def _map(folder: Path, name: str, rows: int) -> NDArray[Any]:
    """Map one column. Raises OSError or ValueError if its file is missing or too short."""
    dtype, row_shape = COLUMNS[name]
    if rows == 0:  # an empty file cannot be mapped
        return np.zeros((0, *row_shape), dtype=dtype)
    return np.memmap(folder / f"{name}.bin", dtype=dtype, mode="r", shape=(rows, *row_shape))
