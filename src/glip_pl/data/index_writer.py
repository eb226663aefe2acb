"""Writes records as the arrays of an index, after checking every box and span."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.category_names import note_repeated
from glip_pl.data.column_files import ColumnFiles
from glip_pl.data.index_integrity import sealed
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record

OutOfImage = Literal["error", "clip"]
"""Whether boxes outside their image are errors or are cut at its border."""

TOLERANCE = 2.0
"""Pixels by which a box may leave its image without a message, as after rounding in real files."""

MAX_CAPTION = 10_000
"""Largest number of characters of a caption; the model reads 256 tokens, a fraction of this."""

CHUNK = 20_000
"""Number of records that are checked and written at a time."""


class IndexWriter:
    """Appends records to the files of an index, which is valid once its meta.json is written."""

    def __init__(
        self, folder: Path, source: str, problems: Problems, out_of_image: OutOfImage
    ) -> None:
        """`source` is the name of the annotations in messages."""
        self.folder = folder
        self.source = source
        self.problems = problems
        self.out_of_image = out_of_image
        self.columns = ColumnFiles(folder)
        self.blocks: list[int] = []  # first record of each shard
        self.shards: list[int] = []  # number of each shard

    def __enter__(self) -> Self:
        self.columns.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.columns.__exit__(*error)

    def write(self, contents: Contents) -> None:
        """Write all records. Raises UserError if a larger share is bad than is tolerated."""
        seen = self.write_records(contents.records)
        note_repeated(contents.names, self.source, self.problems)
        self.problems.judge(seen)
        self.finish(contents.names)

    def write_records(self, records: Iterable[Record]) -> int:
        """Append records; returns their number, usable or not."""
        seen, chunk = 0, []
        for record in records:
            seen += 1
            if self._is_usable(record, seen):
                chunk.append(record)
            if len(chunk) == CHUNK:
                self._write_chunk(chunk, seen)
                chunk = []
        self._write_chunk(chunk, seen)
        return seen

    def finish(self, names: Sequence[str]) -> None:
        """Write the description of an index with these categories, which makes it valid."""
        meta = {
            "rows": self.columns.rows,
            "names": list(names),
            "blocks": [*self.blocks, self.columns.rows["image_ids"]],
            "checksums": self.columns.checksums,
        }
        self.columns.flush()
        (self.folder / "meta.json").write_text(json.dumps(sealed(meta)))

    def begin(self, shard: int, record: int) -> None:
        """Note that a record is of a shard, which begins with it unless it has begun before."""
        if self.shards[-1:] != [shard]:
            self.shards.append(shard)
            self.blocks.append(record)

    def _is_usable(self, record: Record, seen: int) -> bool:
        """Whether the size, the numbers and the caption of a record can be stored."""
        if min(record.size) <= 0 or max(record.size) >= 2**31:
            message = f"{self._name(record)} has no size"
            self.problems.error("picture without a size", message, seen)
            return False
        sides = (abs(side) for phrase in record.phrases for span in phrase for side in span)
        if abs(record.image_id) >= 2**63 or any(side >= 2**31 for side in sides):
            message = f"{self._name(record)} has a span or an id that is out of range"
            self.problems.error("number out of range", message, seen)
            return False
        if record.caption is not None and len(record.caption) > MAX_CAPTION:
            message = f"{self._name(record)} has a caption of {len(record.caption)} characters"
            self.problems.error("caption too long", f"{message}, more than {MAX_CAPTION}", seen)
            return False
        return True

    def _name(self, record: Record) -> str:
        """A record's name in messages."""
        height, width = record.size
        return f"{self.source}: the image {record.image!r} of {width}x{height} pixels"

    def _write_chunk(self, chunk: Sequence[Record], seen: int) -> None:
        if not chunk:
            return
        for row, record in enumerate(chunk):
            self.begin(record.block, self.columns.rows["image_ids"] + row)
        self.columns.append("image_ids", [record.image_id for record in chunk])
        self.columns.append("sizes", [record.size for record in chunk])
        self.columns.append("captioned", [record.caption is not None for record in chunk])
        self.columns.append("empty", [_is_empty(record) for record in chunk])
        self.columns.append_texts("image", [record.image for record in chunk])
        self.columns.append_texts("caption", [record.caption or "" for record in chunk])
        self.columns.append("listed", [record.absent is not None for record in chunk])
        self._write_labels("absent", [record.absent for record in chunk])
        self._write_labels("not_exhaustive", [record.not_exhaustive for record in chunk])
        has_words = self._write_phrases(chunk, seen)
        owners = np.repeat(np.arange(len(chunk)), [len(record.boxes) for record in chunk])
        boxes = np.concatenate([record.boxes for record in chunk]).reshape(-1, 4)
        targets = np.concatenate([record.targets for record in chunk])
        scores = np.concatenate(
            [
                np.ones(len(record.boxes)) if record.scores is None else record.scores
                for record in chunk
            ]
        )
        corners, usable = self._check_boxes(boxes, owners, chunk, seen)
        first_phrase = np.cumsum([0] + [len(record.phrases) for record in chunk])[:-1]
        captioned = np.asarray([record.caption is not None for record in chunk])[owners]
        # Boxes of a phrase without a valid span are left out: no token can stand for them.
        phrase = np.where(captioned, first_phrase[owners] + targets, -1)
        usable &= has_words[phrase]
        self.columns.append("boxes", corners[usable])
        self.columns.append("targets", targets[usable])
        self.columns.append("scores", scores[usable])
        self.columns.append_lengths(
            "box_offsets", np.bincount(owners[usable], minlength=len(chunk))
        )

    def _write_labels(self, name: str, lists: Sequence[NDArray[np.int64] | None]) -> None:
        """Write a list of categories for each record; None is written as an empty one."""
        filled = [labels for labels in lists if labels is not None]
        self.columns.append(name, np.concatenate([np.zeros(0, dtype=np.int64), *filled]))
        lengths = [0 if labels is None else len(labels) for labels in lists]
        self.columns.append_lengths(f"{name}_offsets", lengths)

    def _write_phrases(self, chunk: Sequence[Record], seen: int) -> NDArray[np.bool_]:
        """Write phrases and spans; returns which phrases have a valid span, (phrases + 1,).

        The last value is True and belongs to the phrase -1, which stands for a category.
        """
        phrases = [(record, phrase) for record in chunk for phrase in record.phrases]
        spans = np.asarray(
            [span for _, phrase in phrases for span in phrase], dtype=np.int64
        ).reshape(-1, 2)
        counts = np.asarray([len(phrase) for _, phrase in phrases], dtype=np.int64)
        owners = np.repeat(np.arange(len(phrases)), counts)
        lengths = np.asarray([len(record.caption or "") for record, _ in phrases], dtype=np.int64)
        start, end = spans.T
        good = (start >= 0) & (start < end) & (end <= lengths[owners])
        for bad in np.flatnonzero(~good):
            record = phrases[owners[bad]][0]
            self.problems.error(
                "span outside its caption",
                f"{self._name(record)} has the span [{start[bad]}, {end[bad]}) in a caption of "
                f"{len(record.caption or '')} characters: {(record.caption or '')[:60]!r}",
                seen,
            )
        self.columns.append("spans", spans[good])
        words = np.bincount(owners[good], minlength=len(phrases))
        self.columns.append_lengths("span_offsets", words)
        self.columns.append_lengths("phrase_offsets", [len(record.phrases) for record in chunk])
        return np.append(words > 0, True)

    def _check_boxes(
        self,
        boxes: NDArray[np.float64],
        owners: NDArray[np.int64],
        chunk: Sequence[Record],
        seen: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Inclusive corners (N, 4) cut at the images' borders, and which boxes are usable, (N,).

        Boxes become (x1, y1, x2 - 1, y2 - 1), the convention of the released models.
        """
        limit = np.asarray([record.size for record in chunk], dtype=np.float64)[owners][:, ::-1]
        low, high = boxes[:, :2], boxes[:, 2:]
        finite = np.asarray(np.isfinite(boxes).all(1))
        inside = (low >= -TOLERANCE).all(1) & (high <= limit + TOLERANCE).all(1)
        good = finite & (inside | (self.out_of_image == "clip"))
        for cut in np.flatnonzero(good & ~inside):
            name = self._name(chunk[owners[cut]])
            self.problems.note("box cut at the border", f"{name}: {boxes[cut].tolist()}")
        for bad in np.flatnonzero(~good):
            kind = "box outside its image" if finite[bad] else "box with NaN or infinity"
            x1, y1, x2, y2 = boxes[bad].tolist()
            self.problems.error(
                kind,
                f"{self._name(chunk[owners[bad]])} has the box {[x1, y1, x2 - x1, y2 - y1]} "
                "[x, y, width, height]. Correct the file, or set on this dataset out_of_image=clip "
                "to cut boxes at the border, or tolerate=0.01 to leave out up to 1% of the boxes",
                seen,
            )
        with np.errstate(invalid="ignore"):
            low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
        filled = np.asarray((high > low).all(1))
        for bad in np.flatnonzero(good & ~filled):
            name = self._name(chunk[owners[bad]])
            self.problems.note("box without area", f"{name} has the box {boxes[bad].tolist()}")
        return np.concatenate([low, np.maximum(high - 1, low)], axis=1), good & filled


def _is_empty(record: Record) -> bool:
    """Whether nothing was annotated in a picture, so that it shows only background."""
    return record.caption is None and not len(record.boxes) and not record.incomplete
