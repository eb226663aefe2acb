"""Which prompt each picture gets: random ones in training, complete ones in evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.categories import Categories
from glip_pl.data.index import Index
from glip_pl.data.selection import SelectedRecords
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.foils import FoilQuestions, FoilSampler, foil_wordings
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.prompt_from_text import Wording, detection_prompt
from glip_pl.prompts.tokens import name_lengths
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
class TrainingFoils:
    """Foils as they stand in prompts: after the categories when they are numbered."""

    sampler: FoilSampler
    wordings: Sequence[Wording]
    lengths: Sequence[int]  # tokens of each "wording. "

    @classmethod
    def of(cls, sampler: FoilSampler | None, categories: Categories) -> Self | None:
        """Those of a setting for a source, if any. Raises UserError if one is a category."""
        if sampler is None or sampler.names is None:
            return None
        wordings = foil_wordings(sampler.names, categories.wordings, "data.foils")
        lengths = name_lengths(categories.tokenizer, [wording.text for wording in wordings])
        return cls(sampler, wordings, lengths)

    def added(
        self,
        order: list[int],
        lengths: Sequence[int],
        budget: int,
        random: np.random.Generator,
    ) -> list[int]:
        """The categories `order` of a prompt with foils, shuffled if there are any.

        `lengths` are the tokens of all categories.
        """
        tokens_left = budget - sum(lengths[category] for category in order)
        foils = self.sampler(self.lengths, tokens_left, random)
        if not foils:
            return order
        both = [*order, *(len(lengths) + foil for foil in foils)]
        return [int(number) for number in random.permutation(both)]


@dataclass(frozen=True, eq=False)
class TrainingPrompts:
    """Prompts to learn from (paper 3.1).

    A picture with boxes of categories gets a prompt of the `sampler`, which draws other categories
    as negatives, and of `foils`, which are in no picture; one with a caption gets its caption,
    which `packing` puts among other captions. A prompt has at least one category.
    """

    records: SelectedRecords
    categories: Categories
    sampler: CategorySampler | None = None
    packing: CaptionPacking | None = None
    foils: TrainingFoils | None = None

    @property
    def common(self) -> Prompt | None:
        """All categories in order, if the sampler always chooses all of them, without foils."""
        if self.sampler is None or self.foils is not None:
            return None
        if not self.sampler.always_all(self.categories.lengths):
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
        wordings, lengths = self.categories.wordings, self.categories.lengths
        order = self.sampler(sorted(set(labels.tolist())), lengths, random)
        if not order:  # nothing is annotated in the picture, and no negatives were drawn
            order = [int(random.integers(len(wordings)))]
        if self.foils is not None:
            wordings = [*wordings, *self.foils.wordings]
            order = self.foils.added(order, lengths, self.sampler.budget, random)
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

    If one prompt is too short for all categories, several are made: the `vocabulary`. Further
    prompts ask for foils, whose phrases are numbered as `FoilQuestions` says.
    """

    def __init__(
        self,
        index: Index,
        categories: Categories,
        chunk: int | None = None,
        foils: Sequence[Wording] = (),
    ) -> None:
        """A prompt of the vocabulary has `chunk` names at most, or as many as it holds if None."""
        self.index = index
        self.categories = categories
        self.all_names = detection_prompt(categories.wordings)
        self.vocabulary: tuple[Chunk, ...] = ()
        if not index.captioned.any():
            self.vocabulary = tuple(chunks(categories.wordings, categories.lengths, chunk))
        self.foils = tuple(foil.name for foil in foils)
        self.foil_prompts: tuple[Chunk, ...] = ()
        if foils:
            lengths = name_lengths(categories.tokenizer, self.foils)
            self.foil_prompts = tuple(
                FoilQuestions(len(categories.wordings), len(foils)).vocabulary(
                    [*categories.wordings, *foils], [*categories.lengths, *lengths], chunk
                )
            )

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
