"""Writes any source as ODVG lines, or as WebDataset shards that also hold the pictures."""

import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.odvg import detection_line, write_label_map
from glip_pl.annotations.odvg_grounding import grounding_of
from glip_pl.data.filtering import FilteredBoxes
from glip_pl.data.formats.webdataset_writer import add_sample
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.images import suffix_of
from glip_pl.data.index import Index
from glip_pl.data.problems import Problems
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.files.writing import write_whole
from glip_pl.inspection.named_set import NamedSet, kept_boxes


def write_odvg(named_set: NamedSet, index: Index, folder: Path, rows: Iterable[int]) -> Path:
    """Write the records `rows` as annotations.jsonl, beside a label map; returns its path.

    Pictures in folders stay where they are; pictures inside archives are written to `images`, each
    named by its row. The file appears complete or not at all. Raises UserError if a picture of an
    archive cannot be read.
    """
    images = named_set.reader.open_images()
    _write_label_map(index, folder)
    filtered = named_set.filtered(index)
    lines = folder / "annotations.jsonl"
    with write_whole(lines) as partial, partial.open("w", encoding="utf-8") as file:
        for row in rows:
            name = index.images[row]
            if not isinstance(images, ImageFolder):
                name = write_picture(images.read(name), row, folder / "images")
            file.write(json.dumps({"filename": name, **odvg(index, row, filtered)}) + "\n")
    return lines


def write_picture(encoded: bytes, row: int, folder: Path) -> str:
    """Write an encoded picture into the folder; returns its file name, the number of its row.

    Raises UserError if its format is not known.
    """
    name = f"{row:09d}{suffix_of(encoded)}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(encoded)
    return name


def write_shards(
    named_set: NamedSet, index: Index, folder: Path, rows: Iterable[int], per_shard: int
) -> list[Path]:
    """Write the records `rows` as tar files of picture, JSON and caption; returns their paths.

    Each shard appears complete or not at all. Raises UserError if more pictures cannot be read
    than the set tolerates, or if the folder already holds shards, which would be read as part of
    the same source.
    """
    pictures = _Pictures(named_set.reader.open_images(), index, Problems(named_set.tolerate))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.tar")):
        raise UserError(f"{folder} holds shards already; remove them, or set another output=")
    _write_label_map(index, folder)
    filtered = named_set.filtered(index)
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
    """The encoded pictures of records; unreadable ones are counted and left out."""

    images: Images
    index: Index
    problems: Problems
    seen: int = 0

    def read(self, row: int) -> tuple[bytes, str] | None:
        """The encoded picture and its suffix; None if it cannot be read.

        Raises UserError if too many pictures cannot be read.
        """
        self.seen += 1
        try:
            encoded = self.images.read(self.index.images[row])
            return encoded, suffix_of(encoded)
        except UserError as error:
            self.problems.error("picture left out", str(error), self.seen)
            return None


def _write_shard(
    filtered: FilteredBoxes | None, pictures: _Pictures, folder: Path, number: int, rows: list[int]
) -> Path:
    """Write the shard of a given number; returns its path."""
    index = pictures.index
    shard = folder / f"{number:05d}.tar"
    with write_whole(shard) as partial, tarfile.open(partial, "w") as tar:
        for position, row in enumerate(rows):
            picture = pictures.read(row)
            if picture is None:
                continue
            encoded, suffix = picture
            key = f"{number:05d}{position:04d}"
            caption = index.captions[row]
            metadata = {"key": key, "caption": caption, **odvg(index, row, filtered)}
            files = {suffix: encoded, ".json": json.dumps(metadata).encode()}
            if index.captioned[row]:
                files[".txt"] = caption.encode()
            add_sample(tar, key, files)
    return shard


def _write_label_map(index: Index, folder: Path) -> None:
    """Write the category names by label, if the source has categories."""
    if index.names:
        write_label_map(index.names, folder)


def odvg(index: Index, row: int, filtered: FilteredBoxes | None) -> dict[str, Any]:
    """A record as ODVG line without its file name; x2 and y2 lie one pixel outside the box."""
    image = annotated_image(index, row, filtered, Path(), "")
    if not index.captioned[row]:
        return detection_line(image, index.names)
    height, width = image.size
    grounded = grounding_of(
        index.captions[row],
        index.phrases(row),
        image.boxes.astype(np.float64),
        image.labels.tolist(),
        None if image.scores is None else image.scores.astype(np.float64),
    )
    return {"height": height, "width": width, "grounding": grounded}


def annotated_image(
    index: Index, row: int, filtered: FilteredBoxes | None, path: Path, name: str
) -> AnnotatedImage:
    """A record with the boxes that a run would use; scores only if one is not certain."""
    height, width = index.sizes[row].tolist()
    kept = kept_boxes(index, row, filtered)
    scores = index.scores[row][kept]
    return AnnotatedImage(
        path,
        (height, width),
        index.boxes[row][kept] + np.asarray([0, 0, 1, 1], dtype=np.float32),
        index.targets[row][kept],
        scores if (scores < 1).any() else None,
        name,
    )
