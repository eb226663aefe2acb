"""A source that is evaluated on, with the protocol that scores the detections."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.picture_size import Exif, FramedPicture
from glip_pl.data.prompt_policy import EvaluationPrompts
from glip_pl.data.records import Reader
from glip_pl.data.selection import SelectedRecords
from glip_pl.data.transforms import ResizeFlip
from glip_pl.data.truth import truth_of
from glip_pl.errors import UserError
from glip_pl.types import Sample

BLACK = (64, 64)
"""Size in pixels of what stands for a picture that cannot be read."""


class EvaluationSet(GroundedDataset):
    """Pictures whose prompts name the same categories for all, or are the caption of each picture.

    For categories, phrase ids are category indices, in the order of the categories' ids.
    `dataset_factory.evaluation_set` builds it from the settings of `conf/data/eval`.
    """

    def __init__(
        self,
        reader: Reader,
        records: SelectedRecords,
        prompts: EvaluationPrompts,
        transform: ResizeFlip,
        metric: Callable[..., Any],
        retention: bool = False,
        exif: Exif = "upright",
    ) -> None:
        """`metric` makes the evaluator when it is called with `truth`.

        With `retention` the set measures what is left of zero-shot ability; no mean of several sets
        contains its figures.
        """
        super().__init__(reader, records, prompts, transform, exif=exif)
        self.make_metric = metric
        self.retention = retention
        self.all_names = prompts.all_names  # the prompt of all categories, of any length
        self.vocabulary = prompts.vocabulary  # the same in prompts that fit; empty for captions
        self.asked = prompts.asked  # the same with foils and of foils, if there are any
        self.foils = prompts.foils  # names of absent objects
        self.foil_prompts = prompts.foil_prompts  # that also ask for these

    def sample(
        self, index: int, random: np.random.Generator | None = None, scale: float | None = None
    ) -> Sample:
        """One sample; it is black, and says why, if its picture cannot be read.

        Such a picture counts as one in which nothing was detected (`training.evaluation`).
        """
        row = int(self.rows[index])
        try:
            return self._sample(row, self._picture(row), random)
        except UserError as error:
            height, width = self.index.sizes[row].tolist()
            black = FramedPicture(Image.new("RGB", BLACK), (height, width), None)
            return replace(self._sample(row, black, random), unreadable=str(error))

    def picture_name(self, image_id: int) -> str:
        """The name of the picture of an image in the annotations."""
        return self.index.images[int(self.rows[self.position_of(image_id)])]

    def new_metric(self) -> Any:
        """An evaluator without any detections; it reads the annotations when it computes."""
        foils = {"foils": self.foils} if self.foils else {}
        return self.make_metric(truth=self.truth, **foils)

    def truth(self) -> Any:
        """The annotations as the protocol counts them."""
        return truth_of(self.reader, self.index)

    def without(self, image_ids: Collection[int]) -> list[int]:
        """Samples of all other images; the first sample if none is left."""
        ids = self.index.image_ids[self.rows].tolist()
        return [number for number, image in enumerate(ids) if image not in image_ids] or [0]

    def position_of(self, image_id: int) -> int:
        """The number of the sample of this image. Raises ValueError if there is none."""
        ids: list[int] = self.index.image_ids[self.rows].tolist()
        return ids.index(image_id)
