"""COCO-style JSON to flat arrays, with every mistake in the file named before training starts."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.arrays import Ragged, Strings
from glip_pl.errors import UserError

log = logging.getLogger(__name__)

OutOfImage = Literal["error", "clip"]

TOLERANCE = 2.0
"""Pixels by which a box may leave its image without remark; rounding in real files does that."""

HOW_TO_GET_DATA = (
    "paths.data (or the environment variable GLIP_DATA) names the folder that holds the datasets; "
    "docs/data.md tells how to get each of them and where it goes"
)


@dataclass(frozen=True, eq=False)
class ImageTable:
    """The images of a file, in its order."""

    ids: NDArray[np.int64]  # (I,)
    file_names: Strings  # (I,)
    sizes: NDArray[np.int64]  # (I, 2) height and width, pixels

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class BoxTable:
    """The boxes of a file: inclusive corners, the image that owns each, its place in the file."""

    boxes: NDArray[np.float32]  # (N, 4)
    owners: NDArray[np.int64]  # (N,) row in the image table
    rows: NDArray[np.int64]  # (N,) index into the file's `annotations`

    def by_image(self, values: NDArray[Any], images: int) -> Ragged:
        """Any per-box values, grouped by image."""
        return Ragged.from_owners(values, self.owners, images)


def read_json(path: Path) -> dict[str, Any]:
    """A COCO-style dictionary. Raises UserError if the file is missing, broken or of another kind.

    The parsed objects are temporary: callers keep flat arrays only.
    """
    if not path.is_file():
        raise UserError(f"no such annotation file: {path}. {HOW_TO_GET_DATA}")
    try:
        content = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise UserError(f"{path} is not COCO-style JSON: it has no list `images`")
    return content


def read_tables(
    annotations: str | Path, policy: OutOfImage
) -> tuple[dict[str, Any], ImageTable, BoxTable]:
    """A file's dictionary, its images and its boxes, all checked. Raises UserError."""
    path = Path(annotations)
    content = read_json(path)
    content.setdefault("annotations", [])
    images = image_table(content["images"], path)
    return content, images, box_table(content["annotations"], images, path, policy)


def existing_folder(path: Path) -> Path:
    """The folder. Raises UserError if it does not exist."""
    if not path.is_dir():
        raise UserError(f"no such image folder: {path}. {HOW_TO_GET_DATA}")
    return path


def image_table(images: Sequence[Mapping[str, Any]], path: Path) -> ImageTable:
    """Flat arrays of `images`. Raises UserError naming the entry that lacks or repeats a field."""
    for index, image in enumerate(images):
        for key in ("id", "file_name", "height", "width"):
            if key not in image:
                raise UserError(f"{path}: entry {index} of `images` has no `{key}`")
    # MDETR's Flickr30k file writes heights and widths as strings.
    sizes = [(int(image["height"]), int(image["width"])) for image in images]
    ids = np.asarray([int(image["id"]) for image in images], dtype=np.int64)
    unique, counts = np.unique(ids, return_counts=True)
    if len(unique) != len(ids):
        raise UserError(f"{path}: image id {unique[counts > 1][0]} stands in `images` twice")
    return ImageTable(
        ids,
        Strings.of(image["file_name"] for image in images),
        np.asarray(sizes, dtype=np.int64).reshape(-1, 2),
    )


def box_table(
    annotations: Sequence[Mapping[str, Any]], images: ImageTable, path: Path, policy: OutOfImage
) -> BoxTable:
    """Flat arrays of `annotations`, crowds and boxes without area left out.

    Boxes become inclusive corners (x, y, x + w - 1, y + h - 1), the convention of the released
    models. Raises UserError naming the annotation that has no image, is no number, or leaves its
    image (the last only if `policy` is "error"; "clip" cuts it).
    """
    row_of = {int(image_id): row for row, image_id in enumerate(images.ids)}
    owners, boxes, rows = [], [], []
    for row, annotation in enumerate(annotations):
        for key in ("image_id", "bbox"):
            if key not in annotation:
                raise UserError(f"{_name(path, annotation, row)} has no `{key}`")
        owner = row_of.get(int(annotation["image_id"]))
        if owner is None:
            raise UserError(
                f"{_name(path, annotation, row)} belongs to image {annotation['image_id']}, "
                "which is not in `images`"
            )
        if annotation.get("iscrowd", 0):
            continue
        if len(annotation["bbox"]) != 4:
            raise UserError(f"{_name(path, annotation, row)} has the box {annotation['bbox']}")
        owners.append(owner)
        boxes.append(annotation["bbox"])
        rows.append(row)
    xywh = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    owner_rows = np.asarray(owners, dtype=np.int64)
    kept = np.asarray(rows, dtype=np.int64)
    low, high = xywh[:, :2], xywh[:, :2] + xywh[:, 2:]
    limit = images.sizes[owner_rows][:, ::-1].reshape(-1, 2)
    bad = ~np.isfinite(xywh).all(1)
    outside = (low < -TOLERANCE).any(1) | (high > limit + TOLERANCE).any(1)
    if policy == "error":
        bad |= outside
    if bad.any():
        first = int(bad.argmax())
        height, width = images.sizes[owner_rows[first]]
        raise UserError(
            f"{_name(path, annotations[kept[first]], int(kept[first]))} has the box "
            f"{boxes[first]} [x, y, width, height] in the image "
            f"{images.file_names[int(owner_rows[first])]!r} of {width}x{height} pixels"
            f" ({int(bad.sum())} such boxes in the file). Mend the file, or set out_of_image=clip "
            "on this dataset to cut them at the border"
        )
    low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    empty = (xywh[:, 2:] <= 0).any(1) | (high <= low).any(1)
    if empty.any():
        log.warning("%s: %d boxes without area are left out", path, int(empty.sum()))
    corners = np.concatenate([low, np.maximum(high - 1, low)], axis=1).astype(np.float32)
    return BoxTable(corners[~empty], owner_rows[~empty], kept[~empty])


def _name(path: Path, annotation: Mapping[str, Any], row: int) -> str:
    return f"{path}: annotation {annotation.get('id', f'number {row}')}"
