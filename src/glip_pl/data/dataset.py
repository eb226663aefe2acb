"""Any source as prompt-box pairs (paper 3.1)."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from glip_pl.data.index import Index
from glip_pl.data.indexing import source_name
from glip_pl.data.picture_size import Exif, FramedPicture, check_exif, load_framed
from glip_pl.data.problems import Problems
from glip_pl.data.prompt_policy import PromptPolicy
from glip_pl.data.records import Reader
from glip_pl.data.selection import SelectedRecords
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Sample


@runtime_checkable
class RemoteImages(Protocol):
    """Pictures that may have to be fetched."""

    remote: bool

    def prefetch(self, name: str) -> None:
        """Begin to fetch what holds a picture."""


class GroundedDataset(Dataset[Sample]):
    """The selected records of a source as samples: a picture, its prompt, boxes of its phrases.

    `dataset_factory.training_set` builds it from the settings of `conf/data/train`.
    """

    def __init__(
        self,
        reader: Reader,
        records: SelectedRecords,
        prompts: PromptPolicy,
        transform: ResizeFlip,
        weigh_by_score: bool = False,
        tolerate: float = 0.0,
        exif: Exif = "upright",
        visual_prompts: float = 0.0,
    ) -> None:
        """`records` come from the index of `reader`, which opens their pictures.

        With `weigh_by_score` the loss of a box is weighted by the score that a teacher gave it.
        `tolerate` is the share of pictures that may be bad: they are named in the log, counted and
        left out. `exif` says how photographs were annotated that are stored turned.
        `visual_prompts` is the share of the samples of a training in which examples may stand in
        for words. Raises UserError for another value of `exif`, or if the pictures' folder is
        missing.
        """
        self.reader = reader
        self.images = reader.open_images()
        self.records = records
        self.prompts = prompts
        self.transform = transform
        self.weigh_by_score = weigh_by_score
        check_exif(exif)
        self.exif = exif
        self.visual_prompts = visual_prompts
        self.problems = Problems(tolerate)
        self.pictures_read = 0  # by this process

    @property
    def index(self) -> Index:
        """All records of the source, the selected ones and others."""
        return self.records.index

    @property
    def rows(self) -> NDArray[np.int64]:
        """The record of each sample, a row of the index, ascending."""
        return self.records.rows

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that counts the tokens of prompts."""
        return self.prompts.categories.tokenizer

    @property
    def blocks(self) -> NDArray[np.int64]:
        """Index of the first sample of each shard, and the number of samples as the last entry."""
        return np.searchsorted(self.rows, self.index.blocks)

    @property
    def remote(self) -> bool:
        """Whether pictures have to be fetched, so that `prefetch` saves time."""
        return bool(getattr(self.images, "remote", False))

    def prefetch(self, index: int) -> None:
        """Begin to fetch the picture of a sample that is needed soon, if it is remote."""
        if isinstance(self.images, RemoteImages):
            self.images.prefetch(self.index.images[int(self.rows[index])])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        return self.sample(index)

    def sample(
        self, index: int, random: np.random.Generator | None = None, scale: float | None = None
    ) -> Sample:
        """One sample; in training all that is random in it comes from `random`.

        A `scale` of [0, 1) chooses the short side that a whole batch has in common. Without
        `random` pictures are as in evaluation, and prompts are always the same. A bad picture is
        replaced by the next one. Raises UserError if too many pictures are bad.
        """
        for position in range(index, index + len(self)):
            self.pictures_read += 1
            row = int(self.rows[position % len(self)])
            try:
                return self._sample(row, self._picture(row), random, scale)
            except UserError as error:
                self.problems.error("picture left out", str(error), self.pictures_read)
        raise UserError(f"{source_name(self.reader)} has no picture that can be read")

    def _sample(
        self,
        row: int,
        picture: FramedPicture,
        random: np.random.Generator | None = None,
        scale: float | None = None,
    ) -> Sample:
        boxes, targets, scores = self.records.annotations(row)
        asked = self.prompts(row, targets, random or np.random.default_rng(row))
        prompt, phrase_ids = asked.prompt, asked.phrase_ids
        # A category beyond the token budget is not in the prompt: its boxes have no phrase.
        in_prompt = phrase_ids >= 0
        image = picture.image
        height, width = picture.frame
        to_stored = torch.tensor([image.width / width, image.height / height] * 2)
        pixels, moved = self.transform(
            image, torch.from_numpy(boxes[in_prompt]) * to_stored, prompt.caption, random, scale
        )
        return Sample(
            image=pixels,
            boxes=moved,
            phrase_ids=torch.from_numpy(phrase_ids[in_prompt]),
            prompt=prompt,
            image_id=int(self.index.image_ids[row]),
            original_size=picture.frame,
            weights=torch.tensor(scores[in_prompt]) if self.weigh_by_score else None,
            unsure=torch.from_numpy(asked.unsure) if len(asked.unsure) else None,
            example_seed=self._example_seed(random),  # drawn last: all else is as without it
        )

    def _example_seed(self, random: np.random.Generator | None) -> int | None:
        """The seed of a sample in which examples may stand in for words; None in the others."""
        if random is None or not self.visual_prompts or random.random() >= self.visual_prompts:
            return None
        return int(random.integers(2**32))

    def _picture(self, row: int) -> FramedPicture:
        """The picture of a record. Raises UserError if it is missing or broken."""
        picture = load_framed(self.images, self.index, row, self.exif)
        if picture.problem is not None:
            self.problems.note("picture of another size", picture.problem)
        return picture
