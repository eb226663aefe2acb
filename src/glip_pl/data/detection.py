"""COCO-style detection data; each image's categories become a prompt (paper 3.1)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch.utils.data import Dataset

from glip_pl.data.annotations import OutOfImage, existing_folder, read_tables
from glip_pl.data.images import inside, load_image
from glip_pl.data.layout import find_split
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.prompts.building import clean_name, detection_prompt
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import Tokenizer, check_budget, name_lengths
from glip_pl.types import Sample


class DetectionDataset(Dataset[Sample]):
    """Images with boxes of known categories.

    With a `sampler` (training) every image gets its own shuffled prompt, and images without boxes
    are left out; without one (evaluation) the prompt names all categories in the order of their
    ids, phrase ids are category indices, and all images count.
    """

    def __init__(
        self,
        annotations: str | Path,
        images: str | Path,
        transform: ResizeFlip,
        tokenizer: Tokenizer,
        sampler: CategorySampler | None = None,
        out_of_image: OutOfImage = "error",
        limit: int | None = None,
    ) -> None:
        """Read the file; `limit` keeps the first so many images. Raises UserError (see there)."""
        path = Path(annotations)
        content, table, boxes = read_tables(path, out_of_image)
        found = content["annotations"]
        ids, self.names = categories(content.get("categories", []), found, path)
        index_of = {category_id: index for index, category_id in enumerate(ids)}
        labels = np.asarray(
            [index_of[found[row]["category_id"]] for row in boxes.rows], dtype=np.int64
        )
        self.boxes = boxes.by_image(boxes.boxes, len(table))
        self.labels = boxes.by_image(labels, len(table))
        rows = np.arange(len(table))
        if sampler is not None:
            rows = rows[self.boxes.lengths() > 0]
            if len(rows) == 0:
                raise UserError(f"{path} has no image with a box: nothing to train on")
        self.rows = rows[:limit]
        self.table = table
        self.folder = existing_folder(Path(images))
        self.transform = transform
        self.sampler = sampler
        self.lengths = name_lengths(tokenizer, [clean_name(name) for name in self.names])
        if sampler is None:
            check_budget(tokenizer, detection_prompt(self.names))

    @classmethod
    def from_folder(cls, root: str | Path, splits: Sequence[str], **options: Any) -> Self:
        """The first of `splits` that a user's folder has, in any layout `find_split` knows."""
        split = find_split(Path(root), splits)
        return cls(split.annotations, split.images, **options)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        row = int(self.rows[index])
        labels = self.labels[row]
        order = list(range(len(self.names)))
        if self.sampler is not None:
            random = np.random.default_rng(int(torch.randint(2**62, ())))
            order = self.sampler(sorted(set(labels.tolist())), self.lengths, random)
        prompt = detection_prompt([self.names[category] for category in order])
        phrase_of = np.full(len(self.names), -1, dtype=np.int64)
        phrase_of[order] = np.arange(len(order))
        phrase_ids = phrase_of[labels]
        # A category beyond the token budget is not in the prompt; its boxes cannot be asked for.
        asked = phrase_ids >= 0
        image = load_image(inside(self.folder, self.table.file_names[row]))
        pixels, boxes = self.transform(
            image, torch.from_numpy(self.boxes[row][asked]), prompt.caption
        )
        return Sample(
            image=pixels,
            boxes=boxes,
            phrase_ids=torch.from_numpy(phrase_ids[asked]),
            prompt=prompt,
            image_id=int(self.table.ids[row]),
            original_size=(image.height, image.width),
        )


def categories(
    entries: Sequence[Mapping[str, Any]], annotations: Sequence[Mapping[str, Any]], path: Path
) -> tuple[list[int], list[str]]:
    """Category ids, ascending, and their names.

    Roboflow's exports carry a super-category with id 0 that no box uses; it is left out.
    Raises UserError naming the annotation whose category the file does not know.
    """
    names = {int(entry["id"]): str(entry["name"]) for entry in entries}
    if len(names) != len(entries):
        raise UserError(f"{path}: an id stands in `categories` twice")
    used = set()
    for annotation in annotations:
        category = annotation.get("category_id")
        if category not in names:
            raise UserError(
                f"{path}: annotation {annotation.get('id')} has the category {category}, which is "
                f"not in `categories` ({', '.join(map(str, sorted(names))) or 'empty'})"
            )
        used.add(category)
    if 0 in names and 0 not in used and len(names) > 1:
        del names[0]
    if not names:
        raise UserError(f"{path} has no `categories`: there is nothing to ask for")
    ids = sorted(names)
    return ids, [names[category] for category in ids]
