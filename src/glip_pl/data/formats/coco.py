"""COCO JSON: COCO, LVIS, Objects365 (both versions), ODinW, V3Det, Roboflow's exports."""

import csv
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.formats.coco_tables import (
    ImageEntries,
    corners_of,
    grouped,
    is_crowd,
    named,
    read_annotations,
    read_images,
    small,
)
from glip_pl.data.formats.json_stream import items
from glip_pl.data.formats.lvis_lists import read_frequencies, read_pairs
from glip_pl.data.images import ImageFolder
from glip_pl.data.layout import find_split
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.data.truth import Truth
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
        named_ids, may_be_super = self._categories(path)
        owners, boxes, labels, ids = array("q"), array("d"), array("q"), array("q")
        for row, owner, box, label, entry in self._boxes(images, named_ids, problems):
            owners.append(owner)
            boxes.extend(box)
            labels.append(label)
            ids.append(entry["id"] if isinstance(entry.get("id"), int) else -1 - row)
        _note_repeated(np.asarray(ids), path, problems)
        kept, targets = _used(named_ids, np.asarray(labels, dtype=np.int64), may_be_super)
        if not kept:
            raise UserError(f"{path} has no `categories`: there is nothing to ask for")
        xywh = np.asarray(boxes).reshape(-1, 4)
        records = _records(images, np.asarray(owners, dtype=np.int64), xywh, targets)
        return Contents(records, self._names(kept))

    def truth(self) -> Truth:
        """What evaluation measures against. Bad entries are left out: `read` has judged them."""
        path, problems = Path(self.annotations), Problems(tolerate=1.0)
        images = read_images(path, problems, self.parts)
        named_ids, may_be_super = self._categories(path)
        owners, boxes, labels = array("q"), array("d"), array("q")
        areas, crowds = array("d"), array("b")
        for _, owner, box, label, entry in self._boxes(images, named_ids, problems, crowds=True):
            owners.append(owner)
            boxes.extend(box)
            labels.append(label)
            area = entry.get("area")
            areas.append(float(area) if isinstance(area, int | float) else box[2] * box[3])
            crowds.append(is_crowd(entry))
        plain = ~np.asarray(crowds, dtype=np.bool_)
        kept, _ = _used(named_ids, np.asarray(labels, dtype=np.int64)[plain], may_be_super)
        targets = np.asarray(labels, dtype=np.int64) - (len(named_ids) - len(kept))
        asked = targets >= 0  # not a crowd of the category that nothing else has
        order = np.argsort(np.asarray(images.ids, dtype=np.int64), kind="stable")
        place = np.argsort(order, kind="stable")
        frequencies = read_frequencies(path, list(kept))
        absent = incomplete = None
        if frequencies is not None:
            absent, incomplete = read_pairs(path, images, place, list(kept))
        return Truth(
            image_ids=np.asarray(images.ids, dtype=np.int64)[order],
            boxes=np.asarray(boxes).reshape(-1, 4)[asked],
            areas=np.asarray(areas)[asked],
            crowds=~plain[asked],
            images=place[np.asarray(owners, dtype=np.int64)[asked]],
            labels=targets[asked],
            names=self._names(kept),
            category_ids=np.asarray(list(kept), dtype=np.int64),
            frequencies=frequencies,
            absent=absent,
            incomplete=incomplete,
        )

    def _boxes(
        self,
        images: ImageEntries,
        named_ids: Mapping[int, str],
        problems: Problems,
        crowds: bool = False,
    ) -> Iterator[tuple[int, int, list[float], int, Mapping[str, Any]]]:
        """Number, row of the image, box, rank of the category, entry."""
        path = Path(self.annotations)
        index_of = {category: index for index, category in enumerate(named_ids)}
        for row, owner, box, entry in read_annotations(path, images, problems, crowds):
            given = entry.get("category_id")
            try:
                category = small(given)  # some tools write 1.0 or "1"
            except (TypeError, ValueError, OverflowError):
                category = -1
            if category not in index_of:
                known = ", ".join(map(str, sorted(named_ids)[:20])) or "empty"
                problems.error(
                    "unknown category",
                    f"{named(path, entry, row)} has the category {given!r:.60}, which is not in "
                    f"`categories` ({known})",
                    row + 1,
                )
                continue
            yield row, owner, box, index_of[category], entry

    def _categories(self, path: Path) -> tuple[dict[int, str], bool]:
        """Names by id, ascending, and whether the first may be no category but all others' kind.

        Raises UserError if one cannot be read or stands twice.
        """
        entries = list(items(path, "categories"))
        try:
            found = {small(entry["id"]): str(entry["name"]) for entry in entries}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
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
        kinds = {str(entry["supercategory"]) for entry in entries if "supercategory" in entry}
        return dict(sorted(found.items())), not kinds or found.get(0) in kinds

    def _names(self, named_ids: Mapping[int, str]) -> list[str]:
        if self.names is None:
            return list(named_ids.values())
        if len(self.names) != len(named_ids):
            raise UserError(
                f"{self.annotations} has {len(named_ids)} categories, and the setting `names` "
                f"gives {len(self.names)}"
            )
        return [str(name) for name in self.names]


def _used(
    named_ids: Mapping[int, str], labels: NDArray[np.int64], may_be_super: bool
) -> tuple[dict[int, str], NDArray[np.int64]]:
    """Names and labels without Roboflow's super-category: the id 0 that no box uses."""
    ids = list(named_ids)
    if may_be_super and len(ids) > 1 and ids[0] == 0 and not (labels == 0).any():
        ids, labels = ids[1:], labels - 1
    return {one: named_ids[one] for one in ids}, labels


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
