"""Shards of labels: which captions each shard holds, and how its file is written."""

import json
import tarfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from glip_pl.annotations.odvg_grounding import grounding_of
from glip_pl.boxes import plain
from glip_pl.data.formats.webdataset_writer import add_sample
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.images import suffix_of
from glip_pl.data.index import Index
from glip_pl.data.records import Images
from glip_pl.types import Detections, Prompt

LabelledPicture = tuple[str, dict[str, Any]]
"""Name of a picture in the source, and its ODVG line without the file name."""


def shard_rows(index: Index, images: Images, size: int) -> list[range]:
    """The records of every shard: those of the source's own shards, or `size` records each."""
    if isinstance(images, ImageFolder):
        return [range(first, min(first + size, len(index))) for first in range(0, len(index), size)]
    blocks = index.blocks.tolist()
    return [range(first, end) for first, end in pairwise(blocks)]


def manifest_path(shard: Path) -> Path:
    """The manifest of a shard; it exists once the shard is complete."""
    return shard.with_suffix(".done.json")


def grounding_line(prompt: Prompt, detections: Detections, size: Sequence[int]) -> dict[str, Any]:
    """The ODVG line of a picture without its file name; `size` is (height, width) in pixels."""
    grounded = grounding_of(
        prompt.caption,
        prompt.phrases,
        plain(detections.boxes).double().numpy(),
        detections.phrase_ids.tolist(),
        detections.scores.double().numpy(),
    )
    height, width = size
    return {"height": height, "width": width, "grounding": grounded}


def write_lines(path: Path, labelled: Iterator[LabelledPicture]) -> None:
    """Write ODVG lines with the names of their pictures."""
    with path.open("w", encoding="utf-8") as file:
        for name, line in labelled:
            file.write(json.dumps({"filename": name, **line}) + "\n")


def write_tar(path: Path, images: Images, labelled: Iterator[LabelledPicture]) -> None:
    """Write a WebDataset shard: picture, JSON and caption of each sample."""
    with tarfile.open(path, "w") as tar:
        for number, (name, line) in enumerate(labelled):
            key = f"{number:06d}"
            picture = images.read(name)
            suffix = suffix_of(picture)
            metadata = {"key": key, "filename": f"{key}{suffix}", **line}
            files = {
                suffix: picture,
                ".json": json.dumps(metadata).encode(),
                ".txt": line["grounding"]["caption"].encode(),
            }
            add_sample(tar, key, files)
