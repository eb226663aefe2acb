"""The categories of a COCO-style JSON file, and their corrections."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.formats.coco_tables import int64
from glip_pl.data.formats.json_stream import read_entries
from glip_pl.errors import UserError


@dataclass(frozen=True)
class CocoCategories:
    """Names by category id, ascending; labels are positions in this order.

    `first_may_be_super` is set if the category with the id 0 could be the super-category that
    Roboflow adds to its exports: if a category names it as its super-category, or if no category
    names any.
    """

    names_by_id: Mapping[int, str]
    first_may_be_super: bool

    def used(self, labels: NDArray[np.int64]) -> tuple[dict[int, str], NDArray[np.int64]]:
        """Names by id, and the labels (N,) of boxes, without Roboflow's super-category.

        That is the category with the id 0, if no box has it.
        """
        ids = list(self.names_by_id)
        unused = len(ids) > 1 and ids[0] == 0 and not (labels == 0).any()
        if self.first_may_be_super and unused:
            ids, labels = ids[1:], labels - 1
        return {category_id: self.names_by_id[category_id] for category_id in ids}, labels


def read_categories(path: Path, renames: Path | None = None) -> CocoCategories:
    """The entries of `categories`, with the corrected names of the CSV file `renames`.

    Raises UserError if an entry has no id or name, or if two have the same id.
    """
    entries = list(read_entries(path, "categories"))
    try:
        names_by_id = {int64(entry["id"]): str(entry["name"]) for entry in entries}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: an entry of `categories` has no id or name") from error
    if len(names_by_id) != len(entries):
        raise UserError(f"{path}: an id occurs twice in `categories`")
    if renames is not None:
        new_names = _read_renames(renames)
        names_by_id = {key: new_names.get(str(key), name) for key, name in names_by_id.items()}
    super_names = {str(entry["supercategory"]) for entry in entries if "supercategory" in entry}
    first_may_be_super = not super_names or names_by_id.get(0) in super_names
    return CocoCategories(dict(sorted(names_by_id.items())), first_may_be_super)


def _read_renames(path: Path) -> dict[str, str]:
    """New names by category id, from rows id,old,new."""
    try:
        with path.open(newline="", encoding="utf-8") as rows:
            return {row[0]: row[2] for row in csv.reader(rows) if len(row) == 3}
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8: {error}") from error


def replaced_names(
    path: Path, names_by_id: Mapping[int, str], names: Sequence[str] | None
) -> list[str]:
    """The setting `names`, or the file's own names if it is None.

    Raises UserError if the setting gives another number of names.
    """
    if names is None:
        return list(names_by_id.values())
    if len(names) != len(names_by_id):
        raise UserError(
            f"{path} has {len(names_by_id)} categories, and the setting `names` gives {len(names)}"
        )
    return [str(name) for name in names]
