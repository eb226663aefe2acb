"""Pictures with captions and no boxes: what a teacher labels. (Web shards have a reader too.)"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glip_pl.data.formats.coco_tables import read_images, small
from glip_pl.data.formats.json_stream import items
from glip_pl.data.images import BesideFolder
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.errors import UserError


@dataclass(frozen=True)
class CocoCaptions(BesideFolder):
    """COCO's captions_*.json: a picture comes once for each of its captions."""

    def read(self, problems: Problems) -> Contents:
        """One record per caption, whose id is the caption's."""
        return Contents(self._records(problems))

    def _records(self, problems: Problems) -> Iterator[Record]:
        path = Path(self.annotations)
        images = read_images(path, problems)
        for number, entry in enumerate(items(path, "annotations")):
            try:
                row = images.row_of[small(entry["image_id"])]
                caption, caption_id = str(entry["caption"]), small(entry["id"])
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                message = f"{path}: caption number {number} makes no sense: {error!r:.200}"
                problems.error("caption that makes no sense", message, number + 1)
                continue
            yield _unlabelled(images.names[row], images.sizes[row], caption_id, caption)


@dataclass(frozen=True)
class CaptionTable(BesideFolder):
    """A CSV file with the columns `file` and `caption`, beside a folder of pictures."""

    def read(self, problems: Problems) -> Contents:
        """One record per row; ids count the rows from 0. Pictures are opened for their sizes."""
        return Contents(self._records(problems))

    def _records(self, problems: Problems) -> Iterator[Record]:
        path, images = Path(self.annotations), self.open_images()
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = csv.DictReader(file)
                if not {"file", "caption"} <= set(rows.fieldnames or ()):
                    raise UserError(f"{path} has no columns `file` and `caption`")
                for number, row in enumerate(rows):
                    try:
                        image = images.load(str(row["file"]))
                    except UserError as error:
                        problems.error("picture that cannot be read", str(error), number + 1)
                        continue
                    size = image.height, image.width
                    yield _unlabelled(str(row["file"]), size, number, str(row["caption"]))
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{path} is no CSV in UTF-8: {error}") from error


def _unlabelled(name: str, size: tuple[int, int], image_id: int, caption: str) -> Record:
    return Record(
        image=name,
        size=size,
        image_id=image_id,
        boxes=np.zeros((0, 4)),
        targets=np.zeros(0, dtype=np.int64),
        caption=caption,
    )
