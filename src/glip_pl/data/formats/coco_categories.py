"""The categories of a COCO-style JSON file, and their corrections."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glip_pl.data.category_names import category_name
from glip_pl.data.formats.coco_tables import int64, is_crowd
from glip_pl.data.formats.json_stream import read_entries
from glip_pl.errors import UserError, shown

BACKGROUND = "background"
"""Name, apart from underscores and case, of the category that labelme and others add."""


def read_categories(
    path: Path, renames: Path | None = None, splits: Sequence[Path] = ()
) -> dict[int, str]:
    """Names by category id, ascending, with the corrected names of the CSV file `renames`.

    Categories that no box of `path` and of the other `splits` has are left out if they only seem to
    be headings: a background, or the super-category with the id 0 that Roboflow adds. Raises
    UserError if an entry has no id or name, or if two have the same id.
    """
    entries = list(read_entries(path, "categories"))
    names: dict[int, str] = {}
    for entry in entries:
        try:
            key, name = int64(entry["id"]), category_name(entry["name"])
        except KeyError as error:
            raise UserError(f"{path}: an entry of `categories` has no id or name") from error
        except (TypeError, ValueError, OverflowError) as error:
            message = f"{path}: the entry {shown(entry)} of `categories` is malformed: {error}"
            raise UserError(message) from error
        if key in names:
            raise UserError(f"{path}: the id {key} occurs twice in `categories`")
        names[key] = name
    if renames is not None:
        new_names = _read_renames(renames)
        names = {key: new_names.get(str(key), name) for key, name in names.items()}
    headings = _possible_headings(names, entries)
    for file in dict.fromkeys((path, *splits)):
        if headings:  # other files are read only if they decide
            headings -= _with_boxes(file, headings)
    if len(headings) == len(names):  # then there is nothing else to detect
        headings = set()
    return {key: names[key] for key in sorted(names) if key not in headings}


def _possible_headings(names: Mapping[int, str], entries: Sequence[Mapping[str, Any]]) -> set[int]:
    """Ids of categories that may be a heading of the others and not a thing to detect.

    The id 0 is one if a category names it as its super-category, or if no category names any.
    """
    supers = {str(entry["supercategory"]) for entry in entries if entry.get("supercategory")}
    headings = {key for key, name in names.items() if name.strip("_ ").casefold() == BACKGROUND}
    if 0 in names and (not supers or names[0] in supers):
        headings.add(0)
    return headings


def _with_boxes(path: Path, wanted: set[int]) -> set[int]:
    """Which of the `wanted` categories an annotation has that is no crowd."""
    found: set[int] = set()
    for entry in read_entries(path, "annotations"):
        category = entry.get("category_id")
        if is_crowd(entry):
            continue
        try:
            found |= wanted & {int64(category)}  # some tools write 1.0 or "1"
        except (TypeError, ValueError, OverflowError):  # reported when the annotation is read
            continue
        if found == wanted:
            break
    return found


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
