"""Pictures with captions and no boxes, which a teacher labels. (See also web_shards.py.)"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glip_pl.data.formats.coco_tables import image_id, read_images
from glip_pl.data.formats.json_stream import read_entries
from glip_pl.data.image_folder import BesideFolder
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.errors import UserError


@dataclass(frozen=True)
class CocoCaptions(BesideFolder):
    """COCO's captions_*.json: a picture has one record for each of its captions."""

    def read(self, problems: Problems) -> Contents:
        """One record per caption; its id is the caption's."""
        return Contents(self._records(problems))

    def _records(self, problems: Problems) -> Iterator[Record]:
        path = Path(self.annotations)
        images = read_images(path, problems)
        for number, entry in enumerate(read_entries(path, "annotations")):
            try:
                row = images.row(entry["image_id"])
                if row is None:
                    raise LookupError(f"the image {entry['image_id']!r:.60} is not in `images`")
                caption, key = str(entry["caption"]), image_id(entry["id"])
            except (LookupError, TypeError, ValueError, OverflowError) as error:
                message = f"{path}: caption number {number} is malformed: {error!r:.200}"
                problems.error("malformed caption", message, number + 1)
                continue
            number_or_id = number if isinstance(key, str) else key  # a text cannot be stored
            yield _unlabelled(images.names[row], images.sizes[row], number_or_id, caption)


@dataclass(frozen=True)
class CaptionTable(BesideFolder):
    """A CSV file with the columns `file` and `caption`, beside a folder of pictures."""

    def read(self, problems: Problems) -> Contents:
        """One record per row; ids count the rows from 0. Pictures are opened for their sizes."""
        return Contents(self._records(problems))

    def _records(self, problems: Problems) -> Iterator[Record]:
        images = self.open_images()
        for number, row in enumerate(_read_rows(Path(self.annotations))):
            try:
                image = images.load(str(row["file"]))
            except UserError as error:
                problems.error("picture that cannot be read", str(error), number + 1)
                continue
            size = image.height, image.width
            yield _unlabelled(str(row["file"]), size, number, str(row["caption"]))


def _read_rows(path: Path) -> Iterator[Mapping[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"file", "caption"} <= set(rows.fieldnames or ()):
                raise UserError(f"{path} has no columns `file` and `caption`")
            yield from rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8: {error}") from error


def _unlabelled(name: str, size: tuple[int, int], image_id: int, caption: str) -> Record:
    """The record of a caption without boxes; `size` is (height, width)."""
    return Record(
        image=name,
        size=size,
        image_id=image_id,
        boxes=np.zeros((0, 4)),
        targets=np.zeros(0, dtype=np.int64),
        caption=caption,
    )
