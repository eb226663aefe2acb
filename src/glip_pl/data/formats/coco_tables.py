"""The part that all COCO-style JSON files share: images, and the annotations that point to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.arrays import offsets_of
from glip_pl.data.formats.json_stream import items
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError


@dataclass(frozen=True, eq=False)
class ImageEntries:
    """The usable entries of `images`, in the order of the file."""

    ids: list[int]
    names: list[str]
    sizes: list[tuple[int, int]]  # height and width, pixels
    captions: list[str]  # MDETR's files have one in every entry
    row_of: dict[int, int]  # by id


def read_images(path: Path, problems: Problems, parts: int | None = None) -> ImageEntries:
    """All of `images`; file names keep their last `parts` parts. Raises UserError.

    LVIS gives an address in place of a file name, whose last two parts are folder and file.
    """
    table = ImageEntries([], [], [], [], {})
    row = -1
    for row, entry in enumerate(items(path, "images")):
        try:
            image_id = small(entry["id"])
            url = entry.get("coco_url")
            name = (
                _tail(str(url), 2) if "file_name" not in entry and url else str(entry["file_name"])
            )
            # MDETR's Flickr30k file writes heights and widths as texts.
            size = (int(entry["height"]), int(entry["width"]))
        except KeyError as missing:
            message = f"{path}: entry {row} of `images` has no `{missing.args[0]}`"
            problems.error("entry without a field", message, row + 1)
            continue
        except (TypeError, ValueError, OverflowError) as error:
            problems.error("entry that makes no sense", f"{path}: image {row}: {error}", row + 1)
            continue
        if image_id in table.row_of:
            message = f"{path}: image id {image_id} stands in `images` twice"
            problems.error("repeated id", message, row + 1)
            continue
        table.row_of[image_id] = len(table.ids)
        table.ids.append(image_id)
        table.names.append(name if parts is None else _tail(name, parts))
        table.sizes.append(size)
        table.captions.append(str(entry.get("caption", "")))
    if row < 0:
        raise UserError(f"{path} is not COCO-style JSON: it has no list `images`")
    return table


def _tail(name: str, parts: int) -> str:
    return "/".join(name.split("/")[-parts:])


def read_annotations(
    path: Path, images: ImageEntries, problems: Problems, crowds: bool = False
) -> Iterator[tuple[int, int, list[float], Mapping[str, Any]]]:
    """Number, row of the image, box [x, y, width, height], entry; without `crowds` no crowds.

    Raises UserError naming the annotation that has no image or no box.
    """
    for row, entry in enumerate(items(path, "annotations")):
        try:
            if is_crowd(entry) and not crowds:
                problems.leave_out("crowd left out", f"{named(path, entry, row)} has iscrowd=1")
                continue
            owner = images.row_of.get(int(entry["image_id"]))
            x, y, width, height = entry["bbox"]
            box = [float(x), float(y), float(width), float(height)]
        except KeyError as missing:
            message = f"{named(path, entry, row)} has no `{missing.args[0]}`"
            problems.error("entry without a field", message, row + 1)
            continue
        except (TypeError, ValueError, OverflowError):
            message = f"{named(path, entry, row)} has the box {entry.get('bbox')!r:.80}"
            problems.error("box that is no number", message, row + 1)
            continue
        if owner is None:
            message = (
                f"{named(path, entry, row)} belongs to image {entry['image_id']}, "
                "which is not in `images`"
            )
            problems.error("annotation without an image", message, row + 1)
            continue
        yield row, owner, box, entry


def is_crowd(entry: Mapping[str, Any]) -> bool:
    """Whether an annotation is of many things at once; some tools write "0"."""
    return str(entry.get("iscrowd", 0)) not in ("0", "0.0", "False", "None", "")


def small(value: Any) -> int:
    """A whole number that an array holds. Raises OverflowError, TypeError or ValueError."""
    number = int(value)
    if abs(number) >= 2**63:
        raise OverflowError(f"{number} is too large")
    return number


def named(path: Path, entry: Mapping[str, Any], row: int) -> str:
    """How messages call an annotation."""
    return f"{path}: annotation {entry.get('id', f'number {row}')}"


def grouped(owners: NDArray[np.int64], rows: int) -> tuple[NDArray[np.int64], list[int]]:
    """The order that brings annotations together by image, and where each image's begin."""
    order = np.argsort(owners, kind="stable")
    return order, offsets_of(np.bincount(owners, minlength=rows)).tolist()


def corners_of(xywh: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 4) x, y, width, height to corners; the second is the first pixel outside."""
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
