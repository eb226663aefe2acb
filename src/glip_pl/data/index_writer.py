"""Records to the arrays of an index, every box and span checked on the way."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.index import COLUMNS
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record

OutOfImage = Literal["error", "clip"]

TOLERANCE = 2.0
"""Pixels by which a box may leave its image without remark; rounding in real files does that."""

MAX_CAPTION = 10_000
"""Characters. The model reads 256 tokens; what is so much longer is no caption."""

CHUNK = 20_000
"""Records checked and written at a time."""


class IndexWriter:
    """Appends records to the files of an index; `write` ends with the one that completes it."""

    def __init__(
        self, folder: Path, source: str, problems: Problems, out_of_image: OutOfImage
    ) -> None:
        """`source` names the annotations in messages."""
        self.folder = folder
        self.source = source
        self.problems = problems
        self.out_of_image = out_of_image
        self.files: dict[str, IO[bytes]] = {}
        self.rows = dict.fromkeys(COLUMNS, 0)
        self.ends = {name: 0 for name in COLUMNS if name.endswith("_offsets")}
        self.blocks: list[int] = []
        self.block = -1

    def __enter__(self) -> Self:
        self.files = {name: (self.folder / f"{name}.bin").open("wb") for name in COLUMNS}
        for name in self.ends:
            self._append(name, [0])
        return self

    def __exit__(self, *error: object) -> None:
        for file in self.files.values():
            file.close()

    def write(self, contents: Contents) -> None:
        """Every record. Raises UserError if more are bad than the problems tolerate."""
        seen, chunk = 0, []
        for record in contents.records:
            seen += 1
            if self._sound(record, seen):
                chunk.append(record)
            if len(chunk) == CHUNK:
                self._write_chunk(chunk, seen)
                chunk = []
        self._write_chunk(chunk, seen)
        self.problems.judge(seen)
        meta = {
            "rows": self.rows,
            "names": list(contents.names),
            "blocks": [*self.blocks, self.rows["image_ids"]],
        }
        for file in self.files.values():
            file.flush()
        (self.folder / "meta.json").write_text(json.dumps(meta))

    def _sound(self, record: Record, seen: int) -> bool:
        """Whether the record can be used at all."""
        if min(record.size) <= 0 or max(record.size) >= 2**31:
            message = f"{self._name(record)} has no size"
            self.problems.error("picture without a size", message, seen)
            return False
        sides = (abs(side) for phrase in record.phrases for span in phrase for side in span)
        if abs(record.image_id) >= 2**63 or any(side >= 2**31 for side in sides):
            message = f"{self._name(record)} has a span or an id that is no sensible number"
            self.problems.error("number out of range", message, seen)
            return False
        if record.caption is not None and len(record.caption) > MAX_CAPTION:
            message = f"{self._name(record)} has a caption of {len(record.caption)} characters"
            self.problems.error("caption too long", f"{message}, more than {MAX_CAPTION}", seen)
            return False
        return True

    def _name(self, record: Record) -> str:
        height, width = record.size
        return f"{self.source}: the image {record.image!r} of {width}x{height} pixels"

    def _write_chunk(self, chunk: Sequence[Record], seen: int) -> None:
        if not chunk:
            return
        for row, record in enumerate(chunk):
            if record.block != self.block:
                self.block = record.block
                self.blocks.append(self.rows["image_ids"] + row)
        self._append("image_ids", [record.image_id for record in chunk])
        self._append("sizes", [record.size for record in chunk])
        self._append("captioned", [record.caption is not None for record in chunk])
        self._append_texts("image", [record.image for record in chunk])
        self._append_texts("caption", [record.caption or "" for record in chunk])
        spoken = self._write_phrases(chunk, seen)
        owners = np.repeat(np.arange(len(chunk)), [len(record.boxes) for record in chunk])
        boxes = np.concatenate([record.boxes for record in chunk]).reshape(-1, 4)
        targets = np.concatenate([record.targets for record in chunk])
        scores = np.concatenate(
            [np.ones(len(one.boxes)) if one.scores is None else one.scores for one in chunk]
        )
        corners, kept = self._checked(boxes, owners, chunk, seen)
        first_phrase = np.cumsum([0] + [len(record.phrases) for record in chunk])[:-1]
        of_phrase = np.asarray([record.caption is not None for record in chunk])[owners]
        # A box whose words are gone cannot be asked for.
        phrase = np.where(of_phrase, first_phrase[owners] + targets, -1)
        kept &= spoken[phrase]
        self._append("boxes", corners[kept])
        self._append("targets", targets[kept])
        self._append("scores", scores[kept])
        self._append_offsets("box_offsets", np.bincount(owners[kept], minlength=len(chunk)))

    def _write_phrases(self, chunk: Sequence[Record], seen: int) -> NDArray[np.bool_]:
        """Write phrases and spans; tells which phrases have words, with one more True at the end.

        The last one stands for the phrase -1, that of a category.
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
        self._append("spans", spans[good])
        words = np.bincount(owners[good], minlength=len(phrases))
        self._append_offsets("span_offsets", words)
        self._append_offsets("phrase_offsets", [len(record.phrases) for record in chunk])
        return np.append(words > 0, True)

    def _checked(
        self,
        boxes: NDArray[np.float64],
        owners: NDArray[np.int64],
        chunk: Sequence[Record],
        seen: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Inclusive corners inside their images, and which boxes are usable.

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
            kind = "box outside its image" if finite[bad] else "box that is no number"
            x1, y1, x2, y2 = boxes[bad].tolist()
            self.problems.error(
                kind,
                f"{self._name(chunk[owners[bad]])} has the box {[x1, y1, x2 - x1, y2 - y1]} "
                "[x, y, width, height]. Mend the file, or set on this dataset out_of_image=clip "
                "to cut boxes at the border, or tolerate=0.01 to leave out a hundredth",
                seen,
            )
        with np.errstate(invalid="ignore"):
            low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
        filled = np.asarray((high > low).all(1))
        for bad in np.flatnonzero(good & ~filled):
            name = self._name(chunk[owners[bad]])
            self.problems.note("box without area", f"{name} has the box {boxes[bad].tolist()}")
        return np.concatenate([low, np.maximum(high - 1, low)], axis=1), good & filled

    def _append(self, name: str, values: Any) -> None:
        kind, tail = COLUMNS[name]
        array = np.ascontiguousarray(values, dtype=kind).reshape(-1, *tail)
        self.files[name].write(array.tobytes())
        self.rows[name] += len(array)

    def _append_offsets(self, name: str, lengths: Any) -> None:
        ends = self.ends[name] + np.cumsum(np.asarray(lengths, dtype=np.int64))
        self._append(name, ends)
        self.ends[name] = int(ends[-1]) if len(ends) else self.ends[name]

    def _append_texts(self, name: str, texts: Sequence[str]) -> None:
        # A lone half of a surrogate pair, which JSON can hold, has no UTF-8.
        encoded = [text.encode(errors="replace") for text in texts]
        self._append(f"{name}_bytes", np.frombuffer(b"".join(encoded), dtype=np.uint8))
        self._append_offsets(f"{name}_offsets", [len(text) for text in encoded])
