"""What all COCO-style JSON files share: images, and the annotations that point to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.arrays import offsets_of
from glip_pl.data.formats.json_stream import read_entries
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError


@dataclass(frozen=True, eq=False)
class ImageEntries:
    """The usable entries of `images`, in the order of the file."""

    ids: list[int]
    names: list[str]
    sizes: list[tuple[int, int]]  # height and width, pixels
    captions: list[str]  # in MDETR's files every entry has a caption; elsewhere empty texts
    row_of: dict[int, int]  # position in these lists by image id


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
            image_id = int64(entry["id"])
            url = entry.get("coco_url")
            name = (
                _tail(str(url), 2) if "file_name" not in entry and url else str(entry["file_name"])
            )
            # MDETR's Flickr30k file writes heights and widths as texts.
            size = (int(entry["height"]), int(entry["width"]))
        except KeyError as missing:
            message = f"{path}: entry {number} of `images` has no `{missing.args[0]}`"
            problems.error("entry without a field", message, number + 1)
            continue
        except (TypeError, ValueError, OverflowError) as error:
            message = f"{path}: entry {number} of `images` is malformed: {error}"
            problems.error("malformed entry", message, number + 1)
            continue
        if image_id in images.row_of:
            message = f"{path}: the image id {image_id} occurs twice in `images`"
            problems.error("repeated image id", message, number + 1)
            continue
        images.row_of[image_id] = len(images.ids)
        images.ids.append(image_id)
        images.names.append(name if name_components is None else _tail(name, name_components))
        images.sizes.append(size)
        images.captions.append(str(entry.get("caption", "")))
    if number < 0:
        raise UserError(f"{path} is not COCO-style JSON: it has no list `images`")
    return images


def _tail(name: str, components: int) -> str:
    return "/".join(name.split("/")[-components:])


def read_annotations(
    path: Path, images: ImageEntries, problems: Problems, crowds: bool = False
) -> Iterator[Annotation]:
    """The entries of `annotations`; crowds are left out unless `crowds` is set.

    An entry without an image or a box is reported to `problems` and left out.
    """
    for number, entry in enumerate(read_entries(path, "annotations")):
        try:
            if is_crowd(entry) and not crowds:
                message = f"{annotation_name(path, entry, number)} has iscrowd=1"
                problems.leave_out("crowd left out", message)
                continue
            image_row = images.row_of.get(int(entry["image_id"]))
            x, y, width, height = entry["bbox"]
            box = [float(x), float(y), float(width), float(height)]
        except KeyError as missing:
            message = f"{annotation_name(path, entry, number)} has no `{missing.args[0]}`"
            problems.error("entry without a field", message, number + 1)
            continue
        except (TypeError, ValueError, OverflowError):
            message = (
                f"{annotation_name(path, entry, number)} has the box {entry.get('bbox')!r:.80}, "
                "which is not a list of four numbers"
            )
            problems.error("malformed box", message, number + 1)
            continue
        if image_row is None:
            message = (
                f"{annotation_name(path, entry, number)} belongs to image {entry['image_id']}, "
                "which is not in `images`"
            )
            problems.error("annotation without an image", message, number + 1)
            continue
        yield Annotation(number, image_row, box, entry)


def is_crowd(entry: Mapping[str, Any]) -> bool:
    """Whether an annotation is of a group of objects; some tools write `iscrowd` as a text."""
    return str(entry.get("iscrowd", 0)) not in ("0", "0.0", "False", "None", "")


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
