"""Any number of categories: the image is encoded once, and asked with one prompt after the other.

The official program runs the whole model for each of LVIS's 31 prompts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from glip_pl.inference.decoding import Decoder
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.tokens import Tokenizer, tokenize
from glip_pl.types import Batch, Detections, Output, TextFeatures

FREE_SHARE = 0.5
"""Of a GPU's free memory that prompts asked at the same time may take."""

MAPS, LOGITS = 30, 32
"""Maps of features, and numbers per pixel and word (8 heads), that one more prompt takes; rough."""


@dataclass(frozen=True, eq=False)
class Question:
    """One prompt, as the model has read it."""

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
    """Words of every prompt; the same for all images, so worth keeping while weights stay.

    With `learned`, what the model has learned to add to prompts is added.
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
) -> list[Detections]:
    """What every image of a batch holds of all categories, best first.

    The limit of the decoder is one for each prompt, as officially. Prompts are asked together as
    far as `memory_gb` goes: by default half of what a GPU has free, and one by one on a CPU.
    """
    levels = model.encode_image(batch.images, batch.sizes)
    if model.shallow:
        levels = model.refine(levels)  # no word changes them
    found: list[list[Detections]] = [[] for _ in range(len(batch))]
    for together in _groups(questions, levels, memory_gb):
        output = _ask(model, levels, together)
        for place, question in enumerate(together):
            for image in range(len(batch)):
                row = place * len(batch) + image
                one = decoder.decode(
                    output, row, question.phrase_masks, batch.sizes[image],
                    batch.original_sizes[image],
                )  # fmt: skip
                moved = one.phrase_ids + question.first
                found[image].append(Detections(one.boxes, one.scores, moved))
    return [_merged(parts) for parts in found]


def _ask(model: GLIP, levels: list[Tensor], together: Sequence[Question]) -> Output:
    """Every image and prompt, prompt by prompt."""
    count, width = len(levels[0]), max(one.text.mask.shape[1] for one in together)

    def rows(features: Sequence[Tensor]) -> Tensor:
        padded = [pad(one, (0, 0, 0, width - one.shape[1])) for one in features]
        return torch.cat(padded).repeat_interleave(count, 0)

    masks = rows([one.text.mask[..., None] for one in together])[..., 0]
    later = zip(*(one.text.deeper for one in together), strict=True)
    hidden = rows([one.text.hidden for one in together])
    text = TextFeatures(hidden, masks, [rows(one) for one in later])
    repeated = [level.repeat(len(together), 1, 1, 1) for level in levels]
    output: Output = model.head(repeated, text) if model.shallow else model.ground(repeated, text)
    return output


def _groups(
    questions: Sequence[Question], levels: list[Tensor], memory_gb: float | None
) -> Iterator[Sequence[Question]]:
    size = 1
    device = levels[0].device
    if memory_gb is None and device.type == "cuda":
        memory_gb = FREE_SHARE * torch.cuda.mem_get_info(device)[0] / 1e9
    if memory_gb is not None:
        size = max(1, int(memory_gb * 1e9 / _bytes_of_a_prompt(questions, levels)))
    for start in range(0, len(questions), size):
        yield questions[start : start + size]


def _bytes_of_a_prompt(questions: Sequence[Question], levels: list[Tensor]) -> float:
    """About what one more prompt takes: some maps of features, and logits of all heads."""
    pixels = sum(level.shape[0] * level.shape[2] * level.shape[3] for level in levels)
    words = max(one.text.mask.shape[1] for one in questions)
    return 4.0 * pixels * (MAPS * levels[0].shape[1] + LOGITS * words)


def _merged(parts: Sequence[Detections]) -> Detections:
    boxes, scores, phrase_ids = (
        torch.cat(column)
        for column in zip(*((p.boxes, p.scores, p.phrase_ids) for p in parts), strict=True)
    )
    order = scores.argsort(descending=True, stable=True)
    return Detections(boxes[order], scores[order], phrase_ids[order])
