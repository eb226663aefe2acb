"""Which prompt each picture gets: random ones in training, complete ones in evaluation."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.categories import Categories
from glip_pl.data.index import Index
from glip_pl.data.selection import SelectedRecords
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.prompt_from_text import detection_prompt
from glip_pl.types import Prompt


class PromptPolicy(Protocol):
    """Makes the prompt of a record, and finds the phrase of each of its boxes."""

    @property
    def categories(self) -> Categories:
        """The categories of the source; none for captions."""

    @property
    def common(self) -> Prompt | None:
        """The prompt that all pictures get; None if prompts differ."""

    def __call__(
        self, row: int, targets: NDArray[np.int32], random: np.random.Generator
    ) -> tuple[Prompt, NDArray[np.int64]]:
        """The prompt of a record (a row of the index), and phrase ids (N,) of its targets (N,).

        An id of -1 says that the prompt does not name the target's category.
        """


@dataclass(frozen=True, eq=False)
class TrainingPrompts:
    """Prompts to learn from (paper 3.1).

    A picture with boxes of categories gets a prompt of the `sampler`, which draws other categories
    as negatives; one with a caption gets its caption, which `packing` puts among other captions. A
    prompt has at least one category.
    """

    records: SelectedRecords
    categories: Categories
    sampler: CategorySampler | None = None
    packing: CaptionPacking | None = None

    @property
    def common(self) -> Prompt | None:
        """All categories in order, if the sampler always chooses all of them."""
        if self.sampler is None or not self.sampler.always_all(self.categories.lengths):
            return None
        return detection_prompt(self.categories.wordings)

    def __call__(
        self, row: int, targets: NDArray[np.int32], random: np.random.Generator
    ) -> tuple[Prompt, NDArray[np.int64]]:
        """A prompt whose random part comes from `random`, and the phrase ids of the targets."""
        if self.records.index.captioned[row]:
            return self._pack(row, random), targets.astype(np.int64)
        return self._sample(targets, random)

    def _sample(
        self, labels: NDArray[np.int32], random: np.random.Generator
    ) -> tuple[Prompt, NDArray[np.int64]]:
        assert self.sampler is not None  # training sets are refused without it
        wordings = self.categories.wordings
        order = self.sampler(sorted(set(labels.tolist())), self.categories.lengths, random)
        if not order:  # nothing is annotated in the picture, and no negatives were drawn
            order = [int(random.integers(len(wordings)))]
        phrase_of = np.full(len(wordings), -1, dtype=np.int64)
        phrase_of[order] = np.arange(len(order))
        return detection_prompt([wordings[category] for category in order]), phrase_of[labels]

    def _pack(self, row: int, random: np.random.Generator) -> Prompt:
        prompt = caption_prompt(self.records.index, row)
        if self.packing is None:
            return prompt
        count = self.packing.count(random)
        others = self.records.rows[random.integers(len(self.records), size=count)]
        captions = [self.records.index.captions[int(other)] for other in others if other != row]
        return self.packing(prompt, captions, self.categories.tokenizer, random)


class EvaluationPrompts:
    """Prompts to evaluate on: all categories in the order of their ids, or the picture's caption.

    If one prompt is too short for all categories, several are made: the `vocabulary`.
    """

    def __init__(self, index: Index, categories: Categories, chunk: int | None = None) -> None:
        """A prompt of the vocabulary has `chunk` names at most, or as many as it holds if None."""
        self.index = index
        self.categories = categories
        self.all_names = detection_prompt(categories.wordings)
        self.vocabulary: tuple[Chunk, ...] = ()
        if not index.captioned.any():
            self.vocabulary = tuple(chunks(categories.wordings, categories.lengths, chunk))

    @property
    def common(self) -> Prompt | None:
        """All categories in order; None for captions."""
        return self.all_names if self.vocabulary else None

    def __call__(
        self, row: int, targets: NDArray[np.int32], random: np.random.Generator
    ) -> tuple[Prompt, NDArray[np.int64]]:
        """All names, or the caption with its own phrases; nothing is drawn from `random`."""
        captioned = self.index.captioned[row]
        prompt = caption_prompt(self.index, row) if captioned else self.all_names
        return prompt, targets.astype(np.int64)


def caption_prompt(index: Index, row: int) -> Prompt:
    """The caption of a record with its own phrases."""
    return Prompt(index.captions[row], index.phrases(row))
