"""COCO JSON: COCO, LVIS, Objects365 (both versions), ODinW, V3Det, Roboflow's exports."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.formats.coco_categories import read_categories, replaced_names
from glip_pl.data.formats.coco_tables import (
    Annotation,
    ImageEntries,
    annotation_name,
    corners_of,
    group_by_image,
    int64,
    is_crowd,
    read_annotations,
    read_images,
)
from glip_pl.data.formats.lvis_lists import image_lists, pairs_of, read_frequencies
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.layout import find_split
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.data.truth import Truth
from glip_pl.errors import UserError


@dataclass(frozen=True)
class CocoJson:
    """Detection data in one JSON file of COCO's form."""

    annotations: str | Path
    images: str | Path | Sequence[str | Path]
    # How many components of each file name are kept, from the right; Objects365 v2 needs 2.
    parts: int | None = None
    names: Sequence[str] | None = None  # in place of the file's, in the order of their ids
    renames: str | Path | None = None  # CSV with rows id,old,new: Objects365 v2's corrections
    # The files of all splits: a category 0 is a heading only if no box of any split has it.
    splits: Sequence[str | Path] = ()

    @classmethod
    def from_folder(
        cls,
        root: str | Path,
        splits: Sequence[str],
        named: Mapping[str, str | None] | None = None,
    ) -> Self:
        """The first of `splits` that a user's folder has, in any layout `find_split` knows.

        `named` gives the annotation files of some splits, relative to the folder.
        """
        split = find_split(Path(root), splits, named)
        return cls(split.annotations, split.images, splits=split.all_annotations)

    @property
    def files(self) -> Sequence[Path]:
        """The JSON file, the CSV file of corrections, and the files of the other splits."""
        files = (self.annotations, self.renames, *self.splits)
        return list(dict.fromkeys(Path(file) for file in files if file is not None))

    def open_images(self) -> ImageFolder:
        """The folder or folders of the pictures."""
        return ImageFolder.at(self.images)

    def read(self, problems: Problems) -> Contents:
        """One record per image; categories in the order of their ids."""
        path = Path(self.annotations)
        images = read_images(path, problems, self.parts)
        categories = self._categories()
        image_rows, boxes, label_list, ids = array("q"), array("d"), array("q"), array("q")
        for annotation, label in self._annotations(images, categories, problems):
            image_rows.append(annotation.image_row)
            boxes.extend(annotation.box)
            label_list.append(label)
            ids.append(_id_or_number(annotation))
        _note_repeated(np.asarray(ids), path, problems)
        if not categories:
            raise UserError(f"{path} has no `categories`, so there is nothing to detect")
        xywh = np.asarray(boxes).reshape(-1, 4)
        rows, labels = (np.asarray(column, dtype=np.int64) for column in (image_rows, label_list))
        records = _records(images, rows, xywh, labels, list(categories))
        return Contents(records, replaced_names(path, categories, self.names))

    def truth(self) -> Truth:
        """The ground truth of evaluation, exactly as the file has it, crowds included.

        Bad entries are left out in silence, because `read` reports them.
        """
        path, problems = Path(self.annotations), Problems(tolerate=1.0)
        images = read_images(path, problems, self.parts)
        categories = self._categories()
        image_rows, boxes, label_list = array("q"), array("d"), array("q")
        areas, crowd_list = array("d"), array("b")
        for annotation, label in self._annotations(images, categories, problems, crowds=True):
            image_rows.append(annotation.image_row)
            boxes.extend(annotation.box)
            label_list.append(label)
            areas.append(_area(annotation))
            crowd_list.append(is_crowd(annotation.entry))
        order = np.argsort(np.asarray(images.ids, dtype=np.int64), kind="stable")
        positions = np.argsort(order, kind="stable")
        frequencies = read_frequencies(path, list(categories))
        absent = incomplete = None
        if frequencies is not None or images.lists:
            absent, incomplete = pairs_of(images, positions, list(categories))
        return Truth(
            image_ids=np.asarray(images.ids, dtype=np.int64)[order],
            boxes=np.asarray(boxes).reshape(-1, 4),
            areas=np.asarray(areas),
            crowds=np.asarray(crowd_list, dtype=np.bool_),
            images=positions[np.asarray(image_rows, dtype=np.int64)],
            labels=np.asarray(label_list, dtype=np.int64),
            names=replaced_names(path, categories, self.names),
            category_ids=np.asarray(list(categories), dtype=np.int64),
            frequencies=frequencies,
            absent=absent,
            incomplete=incomplete,
            text_ids=None if images.text_ids is None else [images.text_ids[row] for row in order],
        )

    def _categories(self) -> dict[int, str]:
        renames = None if self.renames is None else Path(self.renames)
        return read_categories(Path(self.annotations), renames, [*map(Path, self.splits)])

    def _annotations(
        self,
        images: ImageEntries,
        categories: Mapping[int, str],
        problems: Problems,
        crowds: bool = False,
    ) -> Iterator[tuple[Annotation, int]]:
        """Annotations with the labels of their categories; unknown categories are left out."""
        path = Path(self.annotations)
        label_of = {category: label for label, category in enumerate(categories)}
        for annotation in read_annotations(path, images, problems, crowds):
            category_id = annotation.entry.get("category_id")
            try:
                label = label_of.get(int64(category_id))  # some tools write 1.0 or "1"
            except (TypeError, ValueError, OverflowError):
                label = None
            if label is None:
                name = annotation_name(path, annotation.entry, annotation.number)
                listing = ", ".join(map(str, sorted(label_of)[:20])) or "empty"
                problems.error(
                    "unknown category",
                    f"{name} has the category {category_id!r:.60}, which is not in `categories` "
                    f"({listing})",
                    annotation.number + 1,
                )
                images.incomplete.add(annotation.image_row)
                continue
            yield annotation, label


def _id_or_number(annotation: Annotation) -> int:
    """The annotation's id, or a number below 0 of its own if that is no integer of 64 bits."""
    value = annotation.entry.get("id")
    return value if isinstance(value, int) and abs(value) < 2**63 else -1 - annotation.number


def _area(annotation: Annotation) -> float:
    """The annotated area, or else that of the box, in square pixels."""
    area = annotation.entry.get("area")
    width, height = annotation.box[2:]
    return float(area) if isinstance(area, int | float) else width * height


def _note_repeated(ids: NDArray[np.int64], path: Path, problems: Problems) -> None:
    unique, counts = np.unique(ids, return_counts=True)
    for repeated in unique[counts > 1]:
        problems.note("repeated annotation id", f"{path}: annotation id {repeated} occurs twice")


def _records(
    images: ImageEntries,
    image_rows: NDArray[np.int64],
    xywh: NDArray[np.float64],
    labels: NDArray[np.int64],
    categories: Sequence[int],
) -> Iterator[Record]:
    """One record per image; the boxes of each image in the order of the file."""
    label_of = {category: label for label, category in enumerate(categories)}
    order, offsets = group_by_image(image_rows, len(images.ids))
    corners, labels = corners_of(xywh[order]), labels[order]
    for row, image_id in enumerate(images.ids):
        of_image = slice(offsets[row], offsets[row + 1])
        lists = image_lists(images, row, label_of, labels[of_image])
        yield Record(
            images.names[row],
            images.sizes[row],
            image_id,
            corners[of_image],
            labels[of_image],
            incomplete=row in images.incomplete,
            absent=lists.absent,
            not_exhaustive=lists.not_exhaustive,
        )
