"""MDETR-style grounding data: captions whose character spans have boxes."""

from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from glip_pl.data.annotations import OutOfImage, existing_folder, read_tables
from glip_pl.data.arrays import Ragged, Strings
from glip_pl.data.images import inside, load_image
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.types import Phrase, Prompt, Sample


class GroundingDataset(Dataset[Sample]):
    """One sample per (image, caption); boxes with the same spans belong to the same phrase.

    `tokens_negative` is not read (the released models did not), and `categories` may be empty.
    """

    def __init__(
        self,
        annotations: str | Path,
        images: str | Path,
        transform: ResizeFlip,
        out_of_image: OutOfImage = "error",
        limit: int | None = None,
    ) -> None:
        """Read the file; captions without boxes are left out. Raises UserError (see there)."""
        path = Path(annotations)
        content, table, boxes = read_tables(path, out_of_image)
        found = content["annotations"]
        captions = [str(image.get("caption", "")) for image in content["images"]]
        spans, owners = [], []
        for box, row in enumerate(boxes.rows):
            caption = captions[boxes.owners[box]]
            for start, end in found[row].get("tokens_positive", ()):
                if not 0 <= start < end <= len(caption):
                    raise UserError(
                        f"{path}: annotation {found[row].get('id')} has the span [{start}, {end}) "
                        f"in a caption of {len(caption)} characters: {caption[:60]!r}"
                    )
                spans.append((start, end))
                owners.append(box)
        self.boxes = boxes.by_image(boxes.boxes, len(table))
        self.box_rows = boxes.by_image(np.arange(len(boxes.rows)), len(table))
        self.spans = Ragged.from_owners(
            np.asarray(spans, dtype=np.int32).reshape(-1, 2),
            np.asarray(owners, dtype=np.int64),
            len(boxes.rows),
        )
        rows = np.flatnonzero(self.boxes.lengths() > 0)
        if len(rows) == 0:
            raise UserError(f"{path} has no caption with a box: nothing to train on")
        self.rows = rows[:limit]
        self.table = table
        self.captions = Strings.of(captions)
        self.folder = existing_folder(Path(images))
        self.transform = transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        row = int(self.rows[index])
        phrases: dict[Phrase, int] = {}
        phrase_ids, asked = [], []
        for box, box_row in enumerate(self.box_rows[row]):
            phrase = tuple((int(start), int(end)) for start, end in self.spans[int(box_row)])
            if phrase:  # a box without words cannot be asked for
                phrase_ids.append(phrases.setdefault(phrase, len(phrases)))
                asked.append(box)
        prompt = Prompt(self.captions[row], tuple(phrases))
        image = load_image(inside(self.folder, self.table.file_names[row]))
        pixels, boxes = self.transform(
            image, torch.from_numpy(self.boxes[row][asked]), prompt.caption
        )
        return Sample(
            image=pixels,
            boxes=boxes,
            phrase_ids=torch.tensor(phrase_ids, dtype=torch.int64),
            prompt=prompt,
            image_id=int(self.table.ids[row]),
            original_size=(image.height, image.width),
        )
