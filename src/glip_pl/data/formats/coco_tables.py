"""What all COCO-style JSON files share: images, and the annotations that point to them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.arrays import offsets_of
from glip_pl.data.formats.coco_masks import box_of_mask
from glip_pl.data.formats.json_stream import read_entries
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError

CATEGORY_LISTS = ("looked_for_category_ids", "neg_category_ids", "not_exhaustive_category_ids")
"""Fields of an image that list categories; the last two are LVIS's."""

ImageId = int | str
"""What a file calls an image: a whole number, however it is written, or a text."""


@dataclass(frozen=True, eq=False)
class ImageEntries:
    """The usable entries of `images`, in the order of the file."""

    ids: list[int]  # as in the file, or counted from 1 if the file's ids are texts
    names: list[str]
    sizes: list[tuple[int, int]]  # height and width, pixels
    captions: list[str]  # in MDETR's files every entry has a caption; elsewhere empty texts
    row_of: dict[ImageId, int]  # position in these lists by the file's image id
    text_ids: list[str] | None = None  # the file's ids if these are texts
    # Positions of the images of which annotations were left out: they are no background.
    incomplete: set[int] = field(default_factory=set)
    # By position, the fields of CATEGORY_LISTS of the images that have any.
    lists: dict[int, Mapping[str, Sequence[int]]] = field(default_factory=dict)

    def row(self, value: Any) -> int | None:
        """The position of the image with an id, as annotations give it; None if there is none."""
        try:
            key = image_id(value)
        except (ValueError, OverflowError):
            return None
        return self.row_of.get(key if self.text_ids is None else str(key))


class Annotation(NamedTuple):
    """A usable entry of `annotations`."""

    number: int  # position in the file
    image_row: int  # position of its image in ImageEntries
    box: list[float]  # x, y, width, height in pixels
    entry: Mapping[str, Any]


def read_images(path: Path, problems: Problems, name_components: int | None = None) -> ImageEntries:
    """The entries of `images`; bad ones are reported to `problems` and left out.

    File names keep their last `name_components` components, or all of them if it is None. LVIS
    gives a `coco_url` in place of a file name, of which the last two, folder and file, are kept.
    Raises UserError if the file has no list `images`.
    """
    images = ImageEntries([], [], [], [], {})
    number = -1
    for number, entry in enumerate(read_entries(path, "images")):
        try:
            key, name, size = image_id(entry["id"]), _file_name(entry), _size(entry)
            lists = _category_lists(entry)
        except KeyError as missing:
            message = f"{path}: entry {number} of `images` has no `{missing.args[0]}`"
            problems.error("entry without a field", message, number + 1)
            continue
        except (TypeError, ValueError, OverflowError) as error:
            message = f"{path}: entry {number} of `images` is malformed: {error}"
            problems.error("malformed entry", message, number + 1)
            continue
        if key in images.row_of:
            message = f"{path}: the image id {key} occurs twice in `images`"
            problems.error("repeated image id", message, number + 1)
            continue
        if lists:
            images.lists[len(images.names)] = lists
        images.row_of[key] = len(images.names)
        images.names.append(name if name_components is None else _tail(name, name_components))
        images.sizes.append(size)
        images.captions.append(str(entry.get("caption", "")))
    if number < 0:
        raise UserError(f"{path} is not COCO-style JSON: it has no list `images`")
    return _with_ids(images, path, problems)


def _file_name(entry: Mapping[str, Any]) -> str:
    """Raises KeyError if there is none, and ValueError if it is no text."""
    url = entry.get("coco_url")
    if "file_name" not in entry and url:
        return _tail(str(url), 2)
    name = entry["file_name"]
    if not isinstance(name, str | int) or name == "":
        raise ValueError(f"its `file_name` is {name!r:.60}")
    return str(name)


def _size(entry: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width, which MDETR's Flickr30k file writes as texts.

    Raises KeyError if there is none, and ValueError if one is no number.
    """
    try:
        return int(entry["height"]), int(entry["width"])
    except (TypeError, ValueError, OverflowError) as error:
        sides = f"height={entry['height']!r:.60} and width={entry['width']!r:.60}"
        raise ValueError(f"it has {sides}") from error


def _category_lists(entry: Mapping[str, Any]) -> dict[str, list[int]]:
    """The lists of categories that an image has; null means an empty one.

    Raises TypeError, ValueError or OverflowError if one is no list of whole numbers.
    """
    return {key: [*map(int64, entry[key] or ())] for key in CATEGORY_LISTS if key in entry}


def _with_ids(images: ImageEntries, path: Path, problems: Problems) -> ImageEntries:
    """The same entries with their `ids`; if the file has a text for one, they are counted."""
    numbers = [key for key in images.row_of if isinstance(key, int)]
    if len(numbers) == len(images.row_of):
        return replace(images, ids=numbers)
    texts = [str(key) for key in images.row_of]  # of texts such as "0999" and "1000" one is both
    odd = [text for text in texts if not text.isdecimal()]
    if odd and numbers:
        message = f"{path} has numbers and texts as image ids, such as {numbers[0]} and {odd[0]!r}"
        problems.note("mixed image ids", message)
    row_of: dict[ImageId, int] = {text: row for row, text in enumerate(texts)}
    ids = list(range(1, len(texts) + 1))
    return replace(images, ids=ids, row_of=row_of, text_ids=texts)


def _tail(name: str, components: int) -> str:
    return "/".join(name.split("/")[-components:])


def read_annotations(
    path: Path, images: ImageEntries, problems: Problems, crowds: bool = False
) -> Iterator[Annotation]:
    """The entries of `annotations`, unless `crowds` is set without those to ignore.

    These are crowds and those marked `ignore`, which COCO's evaluation counts like any other. An
    entry without a box has that of its mask. One without an image, or without box and mask, is
    reported to `problems` and left out.
    """
    for number, entry in enumerate(read_entries(path, "annotations")):
        image_row = images.row(entry.get("image_id"))
        box = _box(entry.get("bbox"))
        if not _is_given(entry.get("bbox")) and image_row is not None:
            box = box_of_mask(entry.get("segmentation"), images.sizes[image_row]) or box
        if image_row is not None and box is not None and (crowds or not is_left_out(entry)):
            yield Annotation(number, image_row, box, entry)
            continue
        if image_row is not None:
            images.incomplete.add(image_row)
        _report(path, entry, number, problems)


def _report(path: Path, entry: Mapping[str, Any], number: int, problems: Problems) -> None:
    """Tell why an annotation is left out."""
    name = annotation_name(path, entry, number)
    missing = [f"`{field}`" for field in ("image_id", "bbox") if field not in entry]
    for kind, mark in MARKS.items():
        if _is_set(entry, mark):
            problems.leave_out(kind, f"{name} has {mark}=1")
            return
    if missing == ["`bbox`"] and entry.get("segmentation"):
        kind = "malformed box"
        fault = (
            "has no `bbox`, and its `segmentation` gives none: it is neither polygons nor "
            "run lengths of the size of the image"
        )
    elif missing:
        kind, fault = "entry without a field", f"has no {' and no '.join(missing)}"
    elif _box(entry["bbox"]) is None:
        kind = "malformed box"
        fault = f"has the box {entry['bbox']!r:.80}, which is not a list of four numbers"
    else:
        kind = "annotation without an image"
        fault = f"belongs to image {entry['image_id']!r:.60}, which is not in `images`"
    problems.error(kind, f"{name} {fault}", number + 1)


def _is_given(bbox: Any) -> bool:
    """Whether a `bbox` says something: some programs write null, [] or zeros beside a mask."""
    return bool(bbox) and not (isinstance(bbox, list) and all(side == 0 for side in bbox))


def _box(value: Any) -> list[float] | None:
    """Four numbers, which some tools write as texts; None for any other value."""
    try:
        x, y, width, height = value
        return [float(x), float(y), float(width), float(height)]
    except (TypeError, ValueError, OverflowError):
        return None


MARKS = {"crowd left out": "iscrowd", "ignored box left out": "ignore"}
"""Kinds of annotations that nothing is trained on, and the fields that mark them."""


def is_crowd(entry: Mapping[str, Any]) -> bool:
    """Whether an annotation is of a group of objects."""
    return _is_set(entry, "iscrowd")


def is_left_out(entry: Mapping[str, Any]) -> bool:
    """Whether an annotation is not trained on: it is a crowd, or marked to be ignored."""
    return any(_is_set(entry, mark) for mark in MARKS.values())


def _is_set(entry: Mapping[str, Any], mark: str) -> bool:
    """Whether a field is 1 or true; some tools write it as a text."""
    return str(entry.get(mark, 0)) not in ("0", "0.0", "False", "false", "None", "")


def image_id(value: Any) -> ImageId:
    """The image id that a JSON value means: "7" and 7.0 mean 7, but "007" is a text of its own.

    Raises ValueError or OverflowError for other values, such as null or 1.5.
    """
    if isinstance(value, str):
        if not value:
            raise ValueError("the image id is empty")
        number = int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None
        return value if number is None or str(number) != value else number
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        raise ValueError(f"the image id {value!r:.60} is no whole number and no text")
    return int64(value)


def int64(value: Any) -> int:
    """The value as an integer of 64 bits. Raises OverflowError, TypeError or ValueError."""
    number = int(value)
    if abs(number) >= 2**63:
        raise OverflowError(f"{number} is too large")
    return number


def annotation_name(path: Path, entry: Mapping[str, Any], number: int) -> str:
    """How messages name an annotation: by its id, or else by its position in the file."""
    return f"{path}: annotation {entry.get('id', f'number {number}')}"


def group_by_image(
    image_rows: NDArray[np.int64], image_count: int
) -> tuple[NDArray[np.int64], list[int]]:
    """The order that sorts annotations (N,) by image, and where those of each image begin (I + 1).

    Annotations of the same image stay in their order.
    """
    order = np.argsort(image_rows, kind="stable")
    return order, offsets_of(np.bincount(image_rows, minlength=image_count)).tolist()


def corners_of(xywh: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 4) x, y, width, height to corners; the second is the first pixel outside the box."""
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
