"""Evaluates a model on named sets: which prompts its images get, and which metric is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import Question, detect_categories, read_questions
from glip_pl.inference.learned_prompt import LearnedPrompt
from glip_pl.inference.prompt_output import PromptOutput
from glip_pl.metrics.base import DetectionMetric
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.training.unreadable_images import UnreadableImages
from glip_pl.types import Batch, Detections, Output, Prompt


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One set: the prompts for its images, and the metric of its detections."""

    metric: DetectionMetric[Any]
    vocabulary: Sequence[Chunk]  # prompts for all images; if empty, each image has its own caption
    tokenizer: Tokenizer
    memory_gb: float | None = None  # memory for the prompts of one pass
    learned: LearnedPrompt | None = None  # replaces the vocabulary
    retention: bool = False  # measures what is left of zero-shot ability; no mean contains it
    foil_prompts: Sequence[Chunk] = ()  # further prompts, which ask for what is in no image
    asked: tuple[Prompt, ...] = ()  # what those ask for together, whose phrases may be rivals


class Evaluator:
    """Detects in the batches of several sets, and computes the figures of each."""

    def __init__(self, sets: Mapping[str, Evaluation]) -> None:
        """`sets` are in the order of the data module's loaders."""
        self.sets = dict(sets)
        self.questions: dict[str, list[Question]] = {}  # of each set, encoded once per evaluation
        self.unreadable = {name: UnreadableImages(name) for name in self.sets}
        self.watched = 0  # images of the next batch whose outputs are kept, the first ones
        self.outputs: list[PromptOutput] = []  # of the watched images of the last batch

    def start(self) -> None:
        """Begin an evaluation: the weights may have changed since the last one."""
        self.questions = {}
        for unreadable in self.unreadable.values():
            unreadable.start()

    def step(
        self, model: GLIP, decoder: Decoder, batch: Batch, loader_index: int
    ) -> list[Detections]:
        """The detections in each image of a batch; they are added to the metric of its set.

        There are none in an image that cannot be read, so that its objects count as missed. The
        outputs of watched images are kept unless the names of the set need several prompts. Raises
        UserError if most images cannot be read.
        """
        name, evaluation = list(self.sets.items())[loader_index]
        self.outputs = []
        if evaluation.vocabulary:
            questions = self._questions(name, model, batch.images.device)

            def watch(question: Question, output: Output) -> None:
                if len(evaluation.vocabulary) == 1 and question is questions[0]:
                    prompts = [evaluation.vocabulary[0].prompt] * len(batch)
                    masks = [question.phrase_masks] * len(batch)
                    self._keep(evaluation.tokenizer, prompts, masks, output)

            memory = evaluation.memory_gb
            detections = [
                decoder.of_rivals(found, evaluation.asked)
                for found in detect_categories(model, decoder, questions, batch, memory, watch)
            ]
        else:
            output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
            self._keep(evaluation.tokenizer, batch.prompts, batch.phrase_masks, output)
            detections = decoder(output, batch)
        detections = [
            found.best(0) if image_id in batch.unreadable else found
            for image_id, found in zip(batch.image_ids, detections, strict=True)
        ]
        evaluation.metric.update(detections, batch.image_ids)
        self.unreadable[name].add(batch.unreadable, len(batch))
        return detections

    def _keep(
        self,
        tokenizer: Tokenizer,
        prompts: Sequence[Prompt],
        masks: Sequence[Tensor],
        output: Output,
    ) -> None:
        """Keep the outputs of the watched images on the CPU, with their prompts."""
        for index, prompt in enumerate(prompts[: self.watched]):
            of_image = output.rows(index, 1)
            self.outputs.append(PromptOutput.of(prompt, 0, masks[index], of_image, tokenizer))

    def _questions(self, name: str, model: GLIP, device: torch.device) -> list[Question]:
        """The encoded prompts of a set, encoded when they are first needed."""
        if name not in self.questions:
            evaluation = self.sets[name]
            if evaluation.learned is not None:
                self.questions[name] = [evaluation.learned.question(model)]
            else:
                # A prompt that the model has learned belongs to the names of its task: what is left
                # of zero-shot ability is measured without it.
                self.questions[name] = read_questions(
                    model,
                    evaluation.tokenizer,
                    [*evaluation.vocabulary, *evaluation.foil_prompts],
                    device,
                    learned=not evaluation.retention,
                )
        return self.questions[name]

    @property
    def any_unreadable(self) -> bool:
        """Whether an image of any set could not be read; known to all processes after `figures`."""
        return any(images.reasons for images in self.unreadable.values())

    def figures(self) -> dict[str, dict[str, float]]:
        """The figures of every set over all processes, the same in each process.

        A warning names images that could not be read.
        """
        figures = {}
        for name, evaluation in self.sets.items():
            figures[name] = evaluation.metric.compute()
            self.unreadable[name].gather(evaluation.metric.image_count)
        return figures

    def reset(self) -> None:
        """Forget all detections."""
        for evaluation in self.sets.values():
            evaluation.metric.reset()

    def mean(self, figures: Mapping[str, Mapping[str, float]]) -> float | None:
        """The mean of the sets' main figures; None if there are only retention sets.

        NaN figures, those of sets without ground truth, are left out of the mean.
        """
        headlines = [
            figures[name][evaluation.metric.headline]
            for name, evaluation in self.sets.items()
            if not evaluation.retention
        ]
        return float(torch.tensor(headlines).nanmean()) if headlines else None
