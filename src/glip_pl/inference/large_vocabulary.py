"""Detects any number of categories: the image is encoded once, for as many prompts as are needed.

The official GLIP code runs the whole model for each of LVIS's 31 prompts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor
from torch.nn.functional import pad

from glip_pl.inference.decoding import Decoder
from glip_pl.models.canvases import joined
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.tokens import Tokenizer, tokenize
from glip_pl.types import Batch, Detections, Output, TextFeatures

FREE_SHARE = 0.5
"""Share of a GPU's free memory that the prompts of one pass may take."""

FEATURE_MAPS = 30
"""Memory that one more prompt takes, in feature maps of an image; a rough estimate."""

LOGITS = 32
"""Memory that one more prompt takes, in numbers per pixel and token (8 heads); an estimate."""


@dataclass(frozen=True, eq=False)
class Question:
    """A prompt of some of the categories, encoded by the model."""

    first: int  # index of its first category
    text: TextFeatures  # (1, T, C)
    phrase_masks: Tensor  # (P, T) bool


def read_questions(
    model: GLIP,
    tokenizer: Tokenizer,
    vocabulary: Sequence[Chunk],
    device: torch.device,
    learned: bool = True,
) -> list[Question]:
    """Encode every prompt of a vocabulary; the result is valid until the weights change.

    Without `learned`, the learned prompt of a tuned model is left out.
    """
    questions = []
    for chunk in vocabulary:
        tokens, mask, (phrases,) = tokenize(tokenizer, [chunk.prompt])
        text = model.encode_text(tokens.to(device), mask.to(device), learned)
        questions.append(Question(chunk.first, text, phrases.to(device)))
    return questions


def detect_categories(
    model: GLIP,
    decoder: Decoder,
    questions: Sequence[Question],
    batch: Batch,
    memory_gb: float | None = None,
    watch: Callable[[Question, Output], None] | None = None,
) -> list[Detections]:
    """Detections of all categories in each image of a batch, best first.

    As in the official GLIP code, the decoder limits the detections of each prompt, not of the
    image. `memory_gb` is the memory for the prompts of one pass; None: half of a GPU's free
    memory, and on a CPU one prompt per pass. `watch` is called with each prompt and its output.
    """
    encoded = read_images(model, batch)
    return detect_in_features(model, decoder, questions, encoded, batch, memory_gb, watch)


def read_images(model: GLIP, batch: Batch) -> list[list[Tensor]]:
    """The levels of each part of a batch's images, as far as no prompt changes them."""
    parts = model.parts(batch.images, batch.sizes)
    encoded = [model.encode_image(*part.of(batch.images, batch.sizes)) for part in parts]
    return [model.refine(levels) for levels in encoded] if model.shallow else encoded


def detect_in_features(
    model: GLIP,
    decoder: Decoder,
    questions: Sequence[Question],
    encoded: list[list[Tensor]],
    batch: Batch,
    memory_gb: float | None = None,
    watch: Callable[[Question, Output], None] | None = None,
) -> list[Detections]:
    """As `detect_categories`, in the features that `read_images` made of the batch."""
    parts = model.parts(batch.images, batch.sizes)
    height, width = batch.images.shape[-2:]
    detections: list[list[Detections]] = [[] for _ in range(len(batch))]
    for group in _groups(questions, [*chain(*encoded)], memory_gb):
        outputs = [_grounded(model, levels, group) for levels in encoded]
        for number, question in enumerate(group):
            of_parts = [
                output.rows(number * len(part.rows), len(part.rows))
                for output, part in zip(outputs, parts, strict=True)
            ]
            output = joined(of_parts, parts, (height, width))
            if watch is not None:
                watch(question, output)
            for image in range(len(batch)):
                of_question = decoder.decode(
                    output, image, question.phrase_masks, batch.sizes[image],
                    batch.original_sizes[image],
                )  # fmt: skip
                categories = of_question.phrase_ids + question.first
                detections[image].append(replace(of_question, phrase_ids=categories))
    return [_merged(of_image) for of_image in detections]


def _grounded(model: GLIP, levels: list[Tensor], group: Sequence[Question]) -> Output:
    """The output for every pair of a prompt and an image; the images of a prompt are adjacent."""
    count = len(levels[0])
    width = max(question.text.mask.shape[1] for question in group)

    def rows(features: Sequence[Tensor]) -> Tensor:
        """Token features (1, T, C) of all prompts, padded and repeated for every image."""
        padded = [pad(words, (0, 0, 0, width - words.shape[1])) for words in features]
        return torch.cat(padded).repeat_interleave(count, 0)

    masks = rows([question.text.mask[..., None] for question in group])[..., 0]
    by_layer = zip(*(question.text.deeper for question in group), strict=True)
    hidden = rows([question.text.hidden for question in group])
    text = TextFeatures(hidden, masks, [rows(features) for features in by_layer])
    repeated = [_for_prompts(level, len(group)) for level in levels]
    output: Output = model.head(repeated, text) if model.shallow else model.ground(repeated, text)
    return output


def _for_prompts(level: Tensor, prompts: int) -> Tensor:
    """A level (B, C, h, w) for every prompt, (prompts * B, C, h, w).

    That of a single image is not copied: layers write no input, and LVIS has 31 prompts.
    """
    if len(level) == 1:
        return level.expand(prompts, -1, -1, -1)
    return level.repeat(prompts, 1, 1, 1)


def _groups(
    questions: Sequence[Question], levels: list[Tensor], memory_gb: float | None
) -> Iterator[Sequence[Question]]:
    """The prompts of each pass."""
    size = 1
    device = levels[0].device
    if memory_gb is None and device.type == "cuda":
        memory_gb = FREE_SHARE * free_bytes(device) / 1e9
    if memory_gb is not None:
        size = max(1, int(memory_gb * 1e9 / _bytes_per_prompt(questions, levels)))
    for start in range(0, len(questions), size):
        yield questions[start : start + size]


def free_bytes(device: torch.device) -> int:
    """Memory of a GPU that tensors can take.

    Besides what the driver calls free, it is what PyTorch keeps of tensors that are gone.
    """
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + kept


def _bytes_per_prompt(questions: Sequence[Question], levels: list[Tensor]) -> float:
    """Approximate memory that one more prompt takes: feature maps, and logits of all heads."""
    pixels = sum(level.shape[0] * level.shape[2] * level.shape[3] for level in levels)
    words = max(question.text.mask.shape[1] for question in questions)
    return 4.0 * pixels * (FEATURE_MAPS * levels[0].shape[1] + LOGITS * words)


def _merged(by_question: Sequence[Detections]) -> Detections:
    """The detections of all prompts in an image, best first."""
    boxes = torch.cat([detections.boxes for detections in by_question])
    scores = torch.cat([detections.scores for detections in by_question])
    phrase_ids = torch.cat([detections.phrase_ids for detections in by_question])
    anchors = torch.cat([one.anchors for one in by_question if one.anchors is not None])
    order = scores.argsort(descending=True, stable=True)
    return Detections(boxes, scores, phrase_ids, anchors).rows(order)
