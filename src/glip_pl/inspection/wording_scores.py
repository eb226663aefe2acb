"""Scores the words of categories on a few pictures, whose features are computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil, nan

import torch
from torch import Tensor

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.inference.large_vocabulary import (
    Question,
    detect_in_features,
    read_images,
    read_questions,
)
from glip_pl.inference.predictor import Predictor
from glip_pl.metrics.average_precision import best_f1, precision_and_recall
from glip_pl.metrics.coco import LIMITS
from glip_pl.metrics.matching import MatchedDetections, match
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.tokens import name_lengths
from glip_pl.types import Batch, Detections

REMEMBERED = 100
"""Prompts whose encodings are kept: more than are tried between two uses of one."""


@dataclass(frozen=True)
class Reached:
    """What the words of a category reach on some pictures, in 0..1; NaN without boxes."""

    average_precision: float
    f1: float  # at IoU 0.5 and the thresholds that were asked for


@dataclass
class WordingScores:
    """A predictor and labelled pictures of C categories, on which wordings are compared."""

    predictor: Predictor
    dataset: EvaluationSet
    text_passes: int = 0  # prompts that were encoded
    _questions: dict[str, Question] = field(default_factory=dict)  # by prompt
    _detected: dict[str, list[Detections]] = field(default_factory=dict)  # of the last prompts

    @cached_property
    @torch.inference_mode()
    def pictures(self) -> list[tuple[Batch, list[list[Tensor]]]]:
        """Each picture with the features that no prompt changes; they stay in memory."""
        module = GroundingDataModule(
            train={}, val={}, test={"": self.dataset}, tokenizer=self.predictor.tokenizer,
            batch_size=1, workers=0, seed=0,
        )  # fmt: skip
        (loader,) = module.test_dataloader()
        batches = [batch.to(self.predictor.device) for batch in loader]
        return [(batch, read_images(self.predictor.model, batch)) for batch in batches]

    def average_precision(self, wordings: Sequence[Wording], category: int) -> float:
        """AP of a category in 0..1, with the words of all; NaN if no picture shows it.

        Only the prompt that contains the category is asked.
        """
        return _average_precision(self._matched(wordings, category))[category]

    def thresholds(self, wordings: Sequence[Wording]) -> list[float | None]:
        """The score with the best F1 of each category, rounded down; None if nothing is right."""
        matched = self._matched(wordings)
        points = [best_f1(matched, category) for category in range(len(wordings))]
        # The box with this very score must pass: thresholds are exceeded.
        return [
            None if one is None else max(0.0, (ceil(100 * one.score) - 1) / 100) for one in points
        ]

    def reached(self, wordings: Sequence[Wording], thresholds: Sequence[float]) -> list[Reached]:
        """AP and F1 of each category."""
        matched = self._matched(wordings)
        precisions = _average_precision(matched)
        return [
            Reached(precision, _f1(matched, category, thresholds[category]))
            for category, precision in enumerate(precisions)
        ]

    def _matched(
        self, wordings: Sequence[Wording], category: int | None = None
    ) -> MatchedDetections:
        """The detections of all categories, or of one, with what they match."""
        metric = self.dataset.new_metric()
        detections = self._detections(wordings, category)
        for (batch, _), found in zip(self.pictures, detections, strict=True):
            metric.update([found.rows(_of(found, category))], batch.image_ids)
        truth, table = metric.truth_and_detections()
        truth = replace(truth, absent=None, incomplete=None)  # as COCO's AP has it
        return match(truth, table, LIMITS[-1])

    @torch.inference_mode()
    def _detections(self, wordings: Sequence[Wording], category: int | None) -> list[Detections]:
        """The detections of every picture for the prompts with a category, or for all prompts."""
        lengths = name_lengths(self.predictor.tokenizer, [wording.text for wording in wordings])
        parts = [
            chunk
            for chunk in chunks(wordings, lengths)
            if category is None or chunk.first <= category < chunk.first + len(chunk.prompt.phrases)
        ]
        key = repr(parts)
        if key not in self._detected:
            questions = [self._question(chunk) for chunk in parts]
            model, decoder = self.predictor.model, self.predictor.decoder
            found = [
                detect_in_features(model, decoder, questions, features, batch)
                for batch, features in self.pictures
            ]
            self._detected = {key: [one.to("cpu") for (one,) in found]}
        return self._detected[key]

    def _question(self, chunk: Chunk) -> Question:
        """A prompt as the model reads it; the last REMEMBERED ones are kept."""
        key = repr(chunk)
        if key not in self._questions:
            if len(self._questions) >= REMEMBERED:
                self._questions.pop(next(iter(self._questions)))
            (self._questions[key],) = read_questions(
                self.predictor.model, self.predictor.tokenizer, [chunk], self.predictor.device
            )
            self.text_passes += 1
        return self._questions[key]


def _of(found: Detections, category: int | None) -> Tensor:
    """Mask (K,) of the detections of a category, or of all."""
    if category is None:
        return torch.ones(len(found), dtype=torch.bool)
    return found.phrase_ids == category


def _average_precision(matched: MatchedDetections) -> list[float]:
    """COCO's AP of each category in 0..1; NaN for those without boxes."""
    values: list[float] = precision_and_recall(matched).average_precision[0].mean(0).tolist()
    return values


def _f1(matched: MatchedDetections, category: int, threshold: float) -> float:
    """F1 of a category's boxes above a threshold at IoU 0.5; NaN for one without boxes."""
    total = int(matched.box_counts[0, category])
    if not total:
        return nan
    counted = (matched.detections.labels == category) & ~matched.is_ignored[0, 0]
    shown = counted & (matched.detections.scores > threshold)
    hits = int((shown & matched.is_matched[0, 0]).sum())
    return 2 * hits / (total + int(shown.sum()))
