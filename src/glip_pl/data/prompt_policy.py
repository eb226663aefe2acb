"""Which prompt each picture gets: random ones in training, complete ones in evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.categories import Categories
from glip_pl.data.index import Index
from glip_pl.data.known_labels import KnownLabels
from glip_pl.data.selection import SelectedRecords
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.foils import FoilQuestions, FoilSampler, foil_wordings
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.prompt_from_text import Wording, detection_prompt
from glip_pl.prompts.tokens import name_lengths
from glip_pl.types import Prompt


class Asked(NamedTuple):
    """What a picture is asked for."""

    prompt: Prompt
    phrase_ids: NDArray[np.int64]  # (N,) the phrase of each box; -1 if the prompt has none for it
    # (U,) phrases that may have objects without a box.
    unsure: NDArray[np.int64] = np.zeros(0, dtype=np.int64)


class PromptPolicy(Protocol):
    """Makes the prompt of a record, and finds the phrase of each of its boxes."""

    @property
    def categories(self) -> Categories:
        """The categories of the source; none for captions."""

    @property
    def common(self) -> Prompt | None:
        """The prompt that all pictures get; None if prompts differ."""

    def __call__(self, row: int, targets: NDArray[np.int32], random: np.random.Generator) -> Asked:
        """The prompt of a record (a row of the index), and the phrases of its targets (N,)."""


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
        """The categories of a prompt, in their `order`, with foils anywhere between them.

        `lengths` are the tokens of all categories.
        """
        tokens_left = budget - sum(lengths[category] for category in order)
        both = list(order)
        for foil in self.sampler(self.lengths, tokens_left, random):
            both.insert(int(random.integers(len(both) + 1)), len(lengths) + foil)
        return both


@dataclass(frozen=True, eq=False)
class TrainingPrompts:
    """Prompts to learn from (paper 3.1).

    A picture with boxes of categories gets a prompt of the `sampler`, which draws other categories
    as negatives, and of `foils`, which are in no picture; one with a caption gets its caption,
    which `packing` puts among other captions. A prompt has at least one category.

    With `known`, negatives are first drawn from categories that were looked for in the picture.
    Others, of which it may show objects without boxes, are `unsure`: the loss does not call them
    absent. They are in prompts nevertheless, because evaluation asks for all names together.
    """

    records: SelectedRecords
    categories: Categories
    sampler: CategorySampler | None = None
    packing: CaptionPacking | None = None
    foils: TrainingFoils | None = None
    known: KnownLabels | None = None

    @cached_property
    def common(self) -> Prompt | None:
        """All categories in order, if the sampler always chooses all of them, without foils."""
        if self.sampler is None or self.foils is not None:
            return None
        if not self.sampler.always_all(self.categories.lengths):
            return None
        return detection_prompt(self.categories.wordings)

    def __call__(self, row: int, targets: NDArray[np.int32], random: np.random.Generator) -> Asked:
        """A prompt whose random part comes from `random`, and the phrases of the targets."""
        if self.records.index.captioned[row]:
            return Asked(self._pack(row, random), targets.astype(np.int64))
        return self._sample(row, targets, random)

    def _sample(self, row: int, labels: NDArray[np.int32], random: np.random.Generator) -> Asked:
        assert self.sampler is not None  # training sets are refused without it
        wordings, lengths = self.categories.wordings, self.categories.lengths
        present = sorted(set(labels.tolist()))
        absent = None
        if self.known is not None and self.common is None:
            absent = self.known.absent(row, present)
        order = self.sampler(present, lengths, random, absent)
        if not order:  # nothing is annotated in the picture, and no negatives were drawn
            order = [int(random.integers(len(wordings)))]
        if self.foils is not None:
            wordings = [*wordings, *self.foils.wordings]
            order = self.foils.added(order, lengths, self.sampler.budget, random)
        phrase_of = np.full(len(wordings), -1, dtype=np.int64)
        phrase_of[order] = np.arange(len(order))
        prompt = detection_prompt([wordings[category] for category in order])
        if self.known is None:
            return Asked(prompt, phrase_of[labels])
        sure = np.isin(order, self.known.exhaustive(row, present))
        sure |= np.asarray(order) >= len(lengths)  # foils
        return Asked(prompt, phrase_of[labels], np.flatnonzero(~sure))

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
        # What is asked for together, in prompts of any length.
        self.asked: tuple[Prompt, ...] = (self.all_names,)
        if foils:
            self.asked += (
                detection_prompt([*categories.wordings, *foils]),
                detection_prompt(foils),
            )
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

    def __call__(self, row: int, targets: NDArray[np.int32], random: np.random.Generator) -> Asked:
        """All names, or the caption with its own phrases; nothing is drawn from `random`."""
        captioned = self.index.captioned[row]
        prompt = caption_prompt(self.index, row) if captioned else self.all_names
        return Asked(prompt, targets.astype(np.int64))


def caption_prompt(index: Index, row: int) -> Prompt:
    """The caption of a record with its own phrases."""
    return Prompt(index.captions[row], index.phrases(row))
