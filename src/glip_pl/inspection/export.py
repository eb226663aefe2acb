"""Any source as ODVG lines, or as web shards that hold the pictures too."""

import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.filtering import FilteredBoxes
from glip_pl.data.formats.odvg import grounding
from glip_pl.data.images import ImageFolder, suffix_of
from glip_pl.data.index import Index
from glip_pl.data.problems import Problems
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.inspection.named_set import NamedSet, kept_boxes

LABEL_MAP = "label_map.json"


def write_odvg(one: NamedSet, index: Index, folder: Path, rows: Iterable[int]) -> Path:
    """Lines beside a label map; pictures stay where they are if they lie in folders.

    Those inside archives are written to `images`, named by their rows. Appears complete or not
    at all. Raises UserError if a picture cannot be read.
    """
    images = one.reader.open_images()
    folder.mkdir(parents=True, exist_ok=True)
    _write_label_map(index, folder)
    filtered = one.filtered(index)
    half, lines = folder / "annotations.jsonl.tmp", folder / "annotations.jsonl"
    with half.open("w", encoding="utf-8") as file:
        for row in rows:
            name = index.images[row]
            if not isinstance(images, ImageFolder):
                content = images.read(name)
                name = f"{row:09d}{suffix_of(content)}"
                (folder / "images").mkdir(exist_ok=True)
                (folder / "images" / name).write_bytes(content)
            file.write(json.dumps({"filename": name, **odvg(index, row, filtered)}) + "\n")
    half.replace(lines)
    return lines


def write_shards(
    one: NamedSet, index: Index, folder: Path, rows: Iterable[int], per_shard: int
) -> list[Path]:
    """Tar files of picture, text and JSON per key; each appears complete or not at all.

    Raises UserError if more pictures cannot be read than the set tolerates, or if other shards lie
    there: together they would be read as one source.
    """
    pictures = _Pictures(one.reader.open_images(), index, Problems(one.tolerate))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.tar")):
        raise UserError(f"{folder} holds shards already; remove them, or set another output=")
    _write_label_map(index, folder)
    filtered = one.filtered(index)
    shards: list[Path] = []
    chunk: list[int] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == per_shard:
            shards.append(_write_shard(filtered, pictures, folder, len(shards), chunk))
            chunk = []
    if chunk:
        shards.append(_write_shard(filtered, pictures, folder, len(shards), chunk))
    pictures.problems.judge(pictures.seen)
    return shards


@dataclass
class _Pictures:
    """The encoded pictures of records; what cannot be read is told and left out."""

    images: Images
    index: Index
    problems: Problems
    seen: int = 0

    def read(self, row: int) -> tuple[bytes, str] | None:
        """The file and its suffix. Raises UserError for one too many that cannot be read."""
        self.seen += 1
        try:
            content = self.images.read(self.index.images[row])
            return content, suffix_of(content)
        except UserError as error:
            self.problems.error("picture left out", str(error), self.seen)
            return None


def _write_shard(
    filtered: FilteredBoxes | None, pictures: _Pictures, folder: Path, number: int, rows: list[int]
) -> Path:
    index = pictures.index
    shard = folder / f"{number:05d}.tar"
    half = shard.with_suffix(".tmp")
    with tarfile.open(half, "w") as tar:
        for place, row in enumerate(rows):
            key = f"{number:05d}{place:04d}"
            picture = pictures.read(row)
            if picture is None:
                continue
            content, suffix = picture
            about = {"key": key, "caption": index.captions[row], **odvg(index, row, filtered)}
            _add(tar, f"{key}{suffix}", content)
            _add(tar, f"{key}.json", json.dumps(about).encode())
            if index.captioned[row]:
                _add(tar, f"{key}.txt", index.captions[row].encode())
    half.replace(shard)
    return shard


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _write_label_map(index: Index, folder: Path) -> None:
    if index.names:
        names = {str(label): name for label, name in enumerate(index.names)}
        (folder / LABEL_MAP).write_text(json.dumps(names, indent=1))


def odvg(index: Index, row: int, filtered: FilteredBoxes | None) -> dict[str, Any]:
    """A record in ODVG's form, without its file name; corners' second pixel lies outside."""
    height, width = index.sizes[row].tolist()
    kept = kept_boxes(index, row, filtered)
    boxes = index.boxes[row][kept] + np.asarray([0, 0, 1, 1], dtype=np.float32)
    targets, scores = index.targets[row][kept], index.scores[row][kept]
    size = {"height": height, "width": width}
    if not index.captioned[row]:
        return size | {"detection": {"instances": _instances(index, boxes, targets, scores)}}
    content = grounding(
        index.captions[row],
        index.phrases(row),
        boxes.astype(np.float64),
        targets.tolist(),
        scores.astype(np.float64) if (scores < 1).any() else None,
    )
    return size | {"grounding": content}


def _instances(
    index: Index,
    boxes: NDArray[np.float32],
    targets: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> list[dict[str, Any]]:
    instances = []
    for box, label, score in zip(boxes, targets.tolist(), scores.tolist(), strict=True):
        instance = {"bbox": _numbers(box), "label": label, "category": index.names[label]}
        instances.append(instance | ({"score": round(score, 4)} if score < 1 else {}))
    return instances


def _numbers(values: NDArray[np.float32]) -> Any:
    """Lists whose numbers are as short as their precision."""
    rounded: Any = np.round(values.astype(np.float64), 4).tolist()
    return rounded
