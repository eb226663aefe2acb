"""The TSV files of the official program: base64 pictures and their labels, tied by a YAML."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from glip_pl.data.images import HOW_TO_GET_DATA, decode_image, inside, matching
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record, box_array, captioned
from glip_pl.errors import UserError

MAX_ROW = 256 << 20
"""Bytes of one row; what is longer is no picture."""


@dataclass(frozen=True)
class TsvImages:
    """Pictures by "<number of the file>:<byte offset of the row>"; the last column is base64."""

    files: tuple[Path, ...]

    def read(self, name: str) -> bytes:
        """The encoded picture. Raises UserError if the row is broken."""
        number, _, offset = name.partition(":")
        file = self.files[int(number)]
        try:
            row = read_row(file, int(offset))
            return base64.b64decode(row.rpartition(b"\t")[2], validate=True)
        except ValueError as error:
            raise UserError(f"the image at byte {offset} of {file}: {error}") from error

    def load(self, name: str) -> Image.Image:
        """The picture as RGB. Raises UserError if the row is broken."""
        return decode_image(self.read(name), f"{name} of {self.files[int(name.split(':')[0])]}")


def read_row(file: Path, offset: int) -> bytes:
    """The row that starts at a byte, without its end. Opened anew: workers share no position."""
    try:
        with file.open("rb") as rows:
            rows.seek(offset)
            return rows.readline(MAX_ROW).rstrip(b"\r\n")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error}") from error


def row_offsets(file: Path) -> NDArray[np.int64]:
    """Where each row starts: from the .lineidx beside the file, or by a scan if there is none."""
    listing = file.with_suffix(".lineidx")
    try:
        if listing.is_file():
            return np.fromstring(listing.read_text(), dtype=np.int64, sep="\n")
        with file.open("rb") as rows:
            lengths = [len(row) for row in rows]
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the rows of {file}: {error}") from error
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)


@dataclass(frozen=True)
class TsvYaml:
    """Detection data, captions with boxes (both versions), or bare captions.

    `annotations` is a YAML with img, label and perhaps hw, linelist, labelmap, imageid2idx, or a
    glob of the YAMLs of several chunks.
    """

    annotations: str | Path

    @cached_property
    def chunks(self) -> Sequence["_Chunk"]:
        """One per YAML."""
        found = matching(str(self.annotations))
        if not found:
            raise UserError(f"no such file: {self.annotations}. {HOW_TO_GET_DATA}")
        return [_Chunk.of(file) for file in found]

    @property
    def files(self) -> Sequence[Path]:
        """The YAMLs and what they name, but of the pictures only where their rows start."""
        return [file for chunk in self.chunks for file in chunk.files()]

    def open_images(self) -> TsvImages:
        """The picture files."""
        return TsvImages(tuple(chunk.img for chunk in self.chunks))

    def read(self, problems: Problems) -> Contents:
        """One record per label row, or per row of the linelist, which may repeat rows."""
        names: dict[str, int] = {}
        for chunk in self.chunks:
            for name in chunk.names():
                names.setdefault(name, len(names))
        return Contents(self._records(names, problems), list(names))

    def _records(self, names: Mapping[str, int], problems: Problems) -> Iterator[Record]:
        seen = 0
        for number, chunk in enumerate(self.chunks):
            pictures = row_offsets(chunk.img)
            labels = row_offsets(chunk.label)
            sizes = None if chunk.hw is None else row_offsets(chunk.hw)
            for row in chunk.wanted(len(labels)):
                seen += 1
                try:
                    key, label = chunk.label_row(int(labels[row]))
                    size = None if sizes is None else chunk.size(int(sizes[row]))
                    content = json.loads(label)
                    picture = chunk.picture_row(content, row)
                    name = f"{number}:{pictures[picture]}"
                    image_id = int(key) if key.isdigit() and len(key) < 18 else seen - 1
                    yield _record(content, name, image_id, size, names)
                except NONSENSE as error:
                    message = f"{chunk.label}: row {row} makes no sense: {error!r:.200}"
                    problems.error("row that makes no sense", message, seen)


NONSENSE = (LookupError, TypeError, ValueError, ArithmeticError, RecursionError)
"""What reading a row that is damaged raises."""


@dataclass(frozen=True)
class _Chunk:
    """What one YAML names."""

    source: Path
    img: Path
    label: Path
    hw: Path | None
    linelist: Path | None
    imageid2idx: Path | None
    labelmap: Path | None

    @classmethod
    def of(cls, source: Path) -> "_Chunk":
        try:
            content = yaml.safe_load(source.read_text())
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UserError(f"cannot read {source}: {error}") from error
        if not isinstance(content, dict) or not {"img", "label"} <= content.keys():
            raise UserError(f"{source} names no `img` and `label`")

        def place(key: str) -> Path:
            path = inside(source.parent, str(content[key]))
            if not path.is_file():
                raise UserError(
                    f"{source} names `{key}: {content[key]}`, and there is no such file"
                )
            return path

        def if_named(key: str) -> Path | None:
            return None if content.get(key) is None else place(key)

        return cls(
            source,
            img=place("img"),
            label=place("label"),
            hw=if_named("hw"),
            linelist=if_named("linelist"),
            imageid2idx=if_named("imageid2idx"),
            labelmap=if_named("labelmap") or if_named("jsondict"),
        )

    def files(self) -> list[Path]:
        """Everything that a change of would make another index."""
        listing = self.img.with_suffix(".lineidx")
        pictures = listing if listing.is_file() else self.img
        named = (self.label, self.hw, self.linelist, self.imageid2idx, self.labelmap)
        return [self.source, pictures, *(file for file in named if file is not None)]

    def names(self) -> list[str]:
        """Categories by their numbers, without the background that is put in at 0."""
        if self.labelmap is None:
            return []
        try:
            if self.labelmap.suffix == ".tsv":
                lines = self.labelmap.read_text().splitlines()
                found = {line.split("\t")[0]: number for number, line in enumerate(lines, 1)}
            else:
                content = json.loads(self.labelmap.read_bytes())
                found = {
                    str(name): int(number)
                    for name, number in content.get("label_to_idx", content).items()
                }
        except (ValueError, AttributeError, TypeError) as error:
            raise UserError(f"{self.labelmap} is no label map: {error}") from error
        found.pop("__background__", None)
        return sorted(found, key=found.__getitem__)

    def wanted(self, rows: int) -> Sequence[int]:
        """Rows of the label file, in the order of the linelist if there is one."""
        if self.linelist is None:
            return range(rows)
        try:
            return [int(line) for line in self.linelist.read_text().split()]
        except ValueError as error:
            raise UserError(f"{self.linelist} is no list of row numbers: {error}") from error

    def label_row(self, offset: int) -> tuple[str, bytes]:
        """Key and JSON of a label row."""
        key, _, label = read_row(self.label, offset).partition(b"\t")
        return key.decode(errors="replace"), label

    def size(self, offset: int) -> tuple[int, int]:
        """Height and width from a row of the hw file. Raises ValueError, KeyError or TypeError."""
        assert self.hw is not None
        return _size(read_row(self.hw, offset).partition(b"\t")[2])

    @cached_property
    def picture_rows(self) -> Mapping[str, int]:
        """Rows of the picture file by image id, where labels have an order of their own."""
        if self.imageid2idx is None:
            return {}
        content: dict[str, int] = json.loads(self.imageid2idx.read_bytes())
        return content

    def picture_row(self, content: Any, row: int) -> int:
        """The row of the picture file that a label row speaks of."""
        if self.imageid2idx is None:
            return row
        return int(self.picture_rows[str(content["img_id"])])


def _size(text: bytes) -> tuple[int, int]:
    """Height and width: {"height", "width"}, the same in a list, or "height width"."""
    if text[:1] in (b"{", b"["):
        content = json.loads(text)
        content = content[0] if isinstance(content, list) else content
        return int(content["height"]), int(content["width"])
    height, width = text.split()
    return int(height), int(width)


def _record(
    content: Any, name: str, image_id: int, size: tuple[int, int] | None, names: Mapping[str, int]
) -> Record:
    """A record from a parsed label. Raises KeyError, TypeError or ValueError."""
    first = content[0] if isinstance(content, list) and content else content
    if isinstance(first, dict) and ("caption" in first or "captions" in first):
        return _captioned(first, name, image_id, size)
    things = content["objects"] if isinstance(content, dict) else content
    if size is None and isinstance(content, dict) and "img_h" in content:
        size = int(content["img_h"]), int(content["img_w"])
    if size is None:
        raise ValueError("there is no hw file, and the label has no img_h and img_w")
    return Record(
        image=name,
        size=size,
        image_id=image_id,
        boxes=_outside([thing["rect"] for thing in things]),
        targets=np.asarray([names[thing["class"]] for thing in things], dtype=np.int64),
        scores=np.asarray([thing.get("conf", 1.0) for thing in things], dtype=np.float32),
    )


def _captioned(
    content: Mapping[str, Any], name: str, image_id: int, size: tuple[int, int] | None
) -> Record:
    """A caption, its boxes in either version, or none."""
    caption = content["caption"] if "caption" in content else " ".join(content["captions"])
    boxes, scores = content.get("bboxes", []), content.get("scores")
    spans = content.get("tokens_positive", [])
    if any(not one or isinstance(one[0], list) for one in boxes):  # version 2: of each entity
        spans = [one for one, mine in zip(spans, boxes, strict=True) for _ in mine]
        scores = None if scores is None else [one for mine in scores for one in mine]
        boxes = [one for mine in boxes for one in mine]
    if not len(boxes) == len(spans) == len(boxes if scores is None else scores):
        raise ValueError("bboxes, scores and tokens_positive have different lengths")
    return captioned(
        image=name,
        size=size or (int(content["img_h"]), int(content["img_w"])),
        image_id=image_id,
        boxes=_outside(boxes),
        caption=str(caption),
        of_box=[tuple((int(start), int(end)) for start, end in one) for one in spans],
        scores=None if scores is None else np.asarray(scores, dtype=np.float32),
    )


def _outside(rects: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """TSV corners belong to their boxes; ours are the first pixels outside."""
    corners = box_array(rects)
    corners[:, 2:] += 1
    return corners
