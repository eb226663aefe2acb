"""A source that is evaluated on: what is asked for, and which protocol counts the answers."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.few_shot import FewShot
from glip_pl.data.index_writer import OutOfImage
from glip_pl.data.indexing import source_name
from glip_pl.data.records import Reader
from glip_pl.data.transforms import ResizeFlip
from glip_pl.data.truth import truth_of
from glip_pl.errors import UserError
from glip_pl.prompts.building import Rewording, Wording, detection_prompt
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Prompt


class EvaluationSet(GroundedDataset):
    """Images that are all asked for the same categories, or each for the phrases of its caption.

    Phrase ids are category indices, in the order of the ids; images without boxes count too.
    """

    def __init__(
        self,
        reader: Reader,
        index_folder: str | Path,
        transform: ResizeFlip,
        tokenizer: Tokenizer,
        metric: Callable[..., Any],
        chunk: int | None = None,
        wordings: Sequence[Wording] | Rewording | None = None,
        few_shot: FewShot | None = None,
        out_of_image: OutOfImage = "error",
        limit: int | None = None,
    ) -> None:
        """Open the source's index, made on first use.

        `few_shot` keeps a few images of every category, `limit` the first so many.
        `metric` makes the evaluator when it is given `truth`. A prompt has `chunk` names at most;
        if that is None, as many as it holds. Raises UserError.
        """
        super().__init__(
            reader,
            index_folder,
            transform,
            tokenizer,
            wordings=wordings,
            few_shot=few_shot,
            out_of_image=out_of_image,
            limit=limit,
        )
        self.make_metric = metric
        self.vocabulary: tuple[Chunk, ...] = ()
        if not self.index.captioned.any():
            self.vocabulary = tuple(chunks(self.wordings, self.lengths, chunk))
        self.all_names = detection_prompt(self.wordings)

    def new_metric(self) -> Any:
        """An evaluator that has seen nothing; it reads the annotations when it computes."""
        return self.make_metric(truth=self.truth)

    def truth(self) -> Any:
        """The annotations as the protocol counts them."""
        return truth_of(self.reader, self.index)

    def without(self, image_ids: Collection[int]) -> list[int]:
        """Samples of all other images; the first sample if nothing else is left."""
        ids = self.index.image_ids[self.rows].tolist()
        return [place for place, one in enumerate(ids) if one not in image_ids] or [0]

    def place_of(self, image_id: int) -> int:
        """Which sample is of this image. Raises ValueError if none is."""
        ids: list[int] = self.index.image_ids[self.rows].tolist()
        return ids.index(image_id)

    def _rows(self) -> NDArray[np.int64]:
        """All pictures, but of captions only those in which something is asked for."""
        asked = np.diff(self.index.phrase_offsets) > 0
        rows = np.flatnonzero(~self.index.captioned | asked)
        if not len(rows):
            raise UserError(f"{source_name(self.reader)} has no image to evaluate on")
        return rows

    def _categories(
        self, labels: NDArray[np.int32], random: np.random.Generator
    ) -> tuple[Prompt, NDArray[np.int64]]:
        return self.all_names, labels.astype(np.int64)
