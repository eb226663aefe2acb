"""COCO JSON: COCO, LVIS, Objects365 (both versions), ODinW, V3Det, Roboflow's exports."""

import csv
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.formats.coco_tables import (
    ImageEntries,
    corners_of,
    grouped,
    named,
    read_annotations,
    read_images,
)
from glip_pl.data.formats.json_stream import items
from glip_pl.data.images import ImageFolder
from glip_pl.data.layout import find_split
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.errors import UserError


@dataclass(frozen=True)
class CocoJson:
    """Detection data in one JSON file, in COCO's form."""

    annotations: str | Path
    images: str | Path | Sequence[str | Path]
    parts: int | None = None  # of file names, from the right; Objects365 v2 needs 2
    names: Sequence[str] | None = None  # instead of the file's, in the order of their ids
    renames: str | Path | None = None  # CSV with rows id,old,new: Objects365 v2's corrections

    @classmethod
    def from_folder(cls, root: str | Path, splits: Sequence[str]) -> Self:
        """The first of `splits` that a user's folder has, in any layout `find_split` knows."""
        split = find_split(Path(root), splits)
        return cls(split.annotations, split.images)

    @property
    def files(self) -> Sequence[Path]:
        """The JSON file, and the corrections."""
        return [Path(file) for file in (self.annotations, self.renames) if file is not None]

    def open_images(self) -> ImageFolder:
        """The folder of the pictures."""
        return ImageFolder.at(self.images)

    def read(self, problems: Problems) -> Contents:
        """Categories in the order of their ids, whatever order the file has them in."""
        path = Path(self.annotations)
        images = read_images(path, problems, self.parts)
        named_ids = self._categories(path)
        index_of = {category: index for index, category in enumerate(named_ids)}
        owners, boxes, labels, ids = array("q"), array("d"), array("q"), array("q")
        for row, owner, box, entry in read_annotations(path, images, problems):
            category = entry.get("category_id")
            if not isinstance(category, int) or category not in index_of:
                known = ", ".join(map(str, sorted(named_ids)[:20])) or "empty"
                problems.error(
                    "unknown category",
                    f"{named(path, entry, row)} has the category {category!r:.60}, which is not in "
                    f"`categories` ({known})",
                    row + 1,
                )
                continue
            owners.append(owner)
            boxes.extend(box)
            labels.append(index_of[category])
            ids.append(entry["id"] if isinstance(entry.get("id"), int) else -1 - row)
        _note_repeated(np.asarray(ids), path, problems)
        names, targets = self._used(named_ids, np.asarray(labels, dtype=np.int64))
        if not names:
            raise UserError(f"{path} has no `categories`: there is nothing to ask for")
        xywh = np.asarray(boxes).reshape(-1, 4)
        records = _records(images, np.asarray(owners, dtype=np.int64), xywh, targets)
        return Contents(records, names)

    def _categories(self, path: Path) -> dict[int, str]:
        """Names by id, ascending. Raises UserError if one cannot be read or stands twice."""
        entries = list(items(path, "categories"))
        try:
            found = {int(entry["id"]): str(entry["name"]) for entry in entries}
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: an entry of `categories` has no id or name") from error
        if len(found) != len(entries):
            raise UserError(f"{path}: an id stands in `categories` twice")
        if self.renames is not None:
            try:
                with Path(self.renames).open(newline="", encoding="utf-8") as rows:
                    new = {row[0]: row[2] for row in csv.reader(rows) if len(row) == 3}
            except (ValueError, csv.Error) as error:
                raise UserError(f"{self.renames} is no CSV: {error}") from error
            found = {key: new.get(str(key), name) for key, name in found.items()}
        return dict(sorted(found.items()))

    def _used(
        self, named_ids: dict[int, str], labels: NDArray[np.int64]
    ) -> tuple[list[str], NDArray[np.int64]]:
        """Names and labels without Roboflow's super-category: the id 0 that no box uses."""
        ids = list(named_ids)
        if len(ids) > 1 and ids[0] == 0 and not (labels == 0).any():
            ids, labels = ids[1:], labels - 1
        names = [named_ids[category] for category in ids]
        if self.names is not None:
            if len(self.names) != len(names):
                raise UserError(
                    f"{self.annotations} has {len(names)} categories, and the setting `names` "
                    f"gives {len(self.names)}"
                )
            names = [str(name) for name in self.names]
        return names, labels


def _note_repeated(ids: NDArray[np.int64], path: Path, problems: Problems) -> None:
    unique, counts = np.unique(ids, return_counts=True)
    for repeated in unique[counts > 1]:
        problems.note("repeated annotation id", f"{path}: annotation id {repeated} stands twice")


def _records(
    images: ImageEntries,
    owners: NDArray[np.int64],
    xywh: NDArray[np.float64],
    labels: NDArray[np.int64],
) -> Iterator[Record]:
    """One record per image; the boxes of each in the order of the file."""
    order, offsets = grouped(owners, len(images.ids))
    corners, labels = corners_of(xywh[order]), labels[order]
    for row, image_id in enumerate(images.ids):
        mine = slice(offsets[row], offsets[row + 1])
        yield Record(images.names[row], images.sizes[row], image_id, corners[mine], labels[mine])
