"""Any source as prompt-box pairs (paper 3.1)."""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from glip_pl.data.few_shot import FewShot
from glip_pl.data.filtering import BoxFilter
from glip_pl.data.images import upright
from glip_pl.data.index_writer import OutOfImage
from glip_pl.data.indexing import open_index, source_name
from glip_pl.data.problems import Problems
from glip_pl.data.records import Reader
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError, some
from glip_pl.prompts.building import Rewording, Wording, detection_prompt, worded
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.tokens import Tokenizer, name_lengths, unknown_names
from glip_pl.types import Prompt, Sample

log = logging.getLogger(__name__)


class GroundedDataset(Dataset[Sample]):
    """Images with boxes of categories, or of the words of a caption, to train on.

    Each image of detection data gets a prompt of its own from the `sampler`.
    """

    def __init__(
        self,
        reader: Reader,
        index_folder: str | Path,
        transform: ResizeFlip,
        tokenizer: Tokenizer,
        sampler: CategorySampler | None = None,
        wordings: Sequence[Wording] | Rewording | None = None,
        packing: CaptionPacking | None = None,
        box_filter: BoxFilter | None = None,
        weigh_by_score: bool = False,
        few_shot: FewShot | None = None,
        out_of_image: OutOfImage = "error",
        tolerate: float = 0.0,
        limit: int | None = None,
    ) -> None:
        """Open the source's index, made on first use.

        `few_shot` keeps a few images of every category, `limit` the first so many. `wordings`
        replace the category names in prompts. With `weigh_by_score` a teacher's box counts in the
        loss as much as the teacher was sure of it.
        `tolerate` is the share of annotations, and of pictures in training, that may be bad: they
        are named, counted and left out. Raises UserError.
        """
        self.reader = reader
        self.index = open_index(reader, Path(index_folder), out_of_image, tolerate)
        self.images = reader.open_images()
        self.transform = transform
        self.tokenizer = tokenizer
        self.sampler = sampler
        self.packing = packing
        self.kept = None if box_filter is None else box_filter.of(self.index)
        self.weigh_by_score = weigh_by_score
        self.problems = Problems(tolerate)
        self.read = 0  # pictures, by this process
        self.names = list(self.index.names)
        self.wordings = worded(self.names, wordings, source_name(reader))
        self.lengths = name_lengths(tokenizer, [one.text for one in self.wordings])
        self._check_names()
        self.few_shot = few_shot
        rows = self._rows() if few_shot is None else few_shot.rows(self.index, self._rows())
        self.rows = rows[:limit]

    def _check_names(self) -> None:
        """Warn of words that the model cannot read. Raises UserError for those beyond a prompt."""
        _warn_of_unknown(self.tokenizer, tuple(one.name for one in self.wordings))
        budget = self.sampler.budget if self.sampler is not None else None
        long = [
            f"{name} ({length} tokens)"
            for name, length in zip(self.names, self.lengths, strict=True)
            if budget is not None and length > budget
        ]
        if long:
            raise UserError(
                f"a prompt holds {budget} tokens, too few for the words of {some(long)}: shorten "
                "them (data.prompts) or what explains them (data.descriptions)"
            )

    def _rows(self) -> NDArray[np.int64]:
        """The records that are used: those with boxes, of more than a line of pixels."""
        index = self.index
        if self.sampler is None and not index.captioned.all():
            raise UserError(
                f"{source_name(self.reader)} has boxes of categories; training on them needs the "
                "setting `sampler` (conf/data/train/categories.yaml)"
            )
        if self.kept is not None:
            kept = self.kept.rows()
        else:
            sides = index.boxes.values[:, 2:] - index.boxes.values[:, :2]
            filled = np.concatenate([[0], np.cumsum((sides > 0).all(1))])
            kept = np.diff(filled[index.boxes.offsets]) > 0
        if not kept.any():
            raise UserError(
                f"{source_name(self.reader)} has no image with a box: nothing to train on (crowds, "
                "iscrowd=1, are left out)"
            )
        return np.flatnonzero(kept)

    @property
    def blocks(self) -> NDArray[np.int64]:
        """First samples of the shards that are best read as a whole, and the number of samples."""
        return np.searchsorted(self.rows, self.index.blocks)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        return self.sample(index)

    def sample(self, index: int, random: np.random.Generator | None = None) -> Sample:
        """One sample; in training all that is random in it comes from `random`.

        Without it pictures are as in evaluation, and prompts are always the same. A bad picture
        is replaced by the next one. Raises UserError if too many are.
        """
        for place in range(index, index + len(self)):
            self.read += 1
            try:
                return self._sample(int(self.rows[place % len(self)]), random)
            except UserError as error:
                self.problems.error("picture left out", str(error), self.read)
        raise UserError(f"{source_name(self.reader)} has no picture that can be read")

    def _sample(self, row: int, random: np.random.Generator | None) -> Sample:
        draw = random or np.random.default_rng(row)
        boxes, targets = self.index.boxes[row], self.index.targets[row]
        scores = self.index.scores[row]
        if self.kept is not None:
            kept = self.kept.kept(row)
            boxes, targets, scores = boxes[kept], targets[kept], scores[kept]
        if self.index.captioned[row]:
            prompt, phrase_ids = self._caption(row, draw), targets.astype(np.int64)
        else:
            prompt, phrase_ids = self._categories(targets, draw)
        # A category beyond the token budget is not in the prompt; its boxes cannot be asked for.
        asked = phrase_ids >= 0
        image, frame = self._picture(row)
        height, width = frame
        scale = torch.tensor([image.width / width, image.height / height] * 2)
        pixels, moved = self.transform(
            image, torch.from_numpy(boxes[asked]) * scale, prompt.caption, random
        )
        return Sample(
            image=pixels,
            boxes=moved,
            phrase_ids=torch.from_numpy(phrase_ids[asked]),
            prompt=prompt,
            image_id=int(self.index.image_ids[row]),
            original_size=frame,
            weights=torch.tensor(scores[asked]) if self.weigh_by_score else None,
        )

    def _picture(self, row: int) -> tuple[Image.Image, tuple[int, int]]:
        """A picture, and height and width of the frame that its boxes are measured in.

        That is the picture's own, but for copies that were made smaller than what was annotated.
        Photographs that were annotated upright are turned by their EXIF.
        """
        image = self.images.load(self.index.images[row])
        height, width = self.index.sizes[row].tolist()
        if image.size == (height, width) != (width, height) and upright(image).size != image.size:
            return upright(image), (height, width)
        if image.size != (width, height):
            if abs(image.width * height - image.height * width) <= max(height, width):
                return image, (height, width)
            self.problems.note(
                "picture of another size",
                f"{self.index.images[row]} has {image.width}x{image.height} pixels, its annotation "
                f"says {width}x{height}: its boxes are taken for pixels",
            )
        return image, (image.height, image.width)

    def _categories(
        self, labels: NDArray[np.int32], random: np.random.Generator
    ) -> tuple[Prompt, NDArray[np.int64]]:
        assert self.sampler is not None
        order = self.sampler(sorted(set(labels.tolist())), self.lengths, random)
        phrase_of = np.full(len(self.names), -1, dtype=np.int64)
        phrase_of[order] = np.arange(len(order))
        return detection_prompt([self.wordings[one] for one in order]), phrase_of[labels]

    def _caption(self, row: int, random: np.random.Generator) -> Prompt:
        prompt = Prompt(self.index.captions[row], self.index.phrases(row))
        if self.packing is None:
            return prompt
        others = self.rows[random.integers(len(self), size=self.packing.count(random))]
        captions = [self.index.captions[int(other)] for other in others if other != row]
        return self.packing(prompt, captions, self.tokenizer, random)


@cache
def _warn_of_unknown(tokenizer: Tokenizer, names: tuple[str, ...]) -> None:
    """Tell once which names are not words to the model."""
    unknown = unknown_names(tokenizer, names)
    if unknown:
        log.warning(
            "the text encoder's vocabulary does not know all of %s: it cannot tell such "
            "names apart well (a remedy: data.prompts={...: other words})",
            some(unknown),
        )
