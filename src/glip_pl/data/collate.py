"""Makes a padded batch of samples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from glip_pl.anchors import canvas_of
from glip_pl.data.batch_examples import examples_of, read_prompts, shown_phrases
from glip_pl.losses.targets import targets_of
from glip_pl.prompts.tokens import Tokenizer, tokenize
from glip_pl.types import MAX_TOKENS, Batch, Padding, Prompt, Sample


class Collate:
    """Pads images to the right and below, and tokenises prompts to the length of the longest.

    In training, boxes are dropped whose phrase the model does not read, because it lies beyond the
    token limit or has no token at all, and the batch has the loss's targets: the loader's workers
    make them while the model trains on other batches. In evaluation the boxes stay and count as
    missed.
    """

    def __init__(
        self, tokenizer: Tokenizer, training: bool = False, padding: Padding = "shared"
    ) -> None:
        """`padding` is that of the model for which targets are made."""
        self.tokenizer = tokenizer
        self.training = training
        self.padding = padding
        self._prompts: list[Prompt] = []
        self._tokenized: Any = None

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """The batch of some samples."""
        shown = shown_phrases(samples) if self.training else []
        prompts = read_prompts(samples, shown)
        if prompts != self._prompts:  # in evaluation most batches have the same prompts
            self._prompts, self._tokenized = prompts, tokenize(self.tokenizer, prompts)
        tokens, attention_mask, phrase_masks = self._tokenized
        sizes = torch.tensor([sample.image.shape[1:] for sample in samples])
        height, width = canvas_of(*sizes.amax(0).tolist())
        # Channels last in memory, like decoded pictures: whole rows can be copied.
        images = torch.empty(len(samples), height, width, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
        boxes, phrase_ids, weights = [], [], []
        for image, sample, masks in zip(images, samples, phrase_masks, strict=True):
            inner_height, inner_width = sample.image.shape[1:]
            image[:, :inner_height, :inner_width] = sample.image
            image[:, inner_height:] = 0
            image[:, :, inner_width:] = 0
            read = masks.any(1)[sample.phrase_ids] | (not self.training)
            boxes.append(sample.boxes[read])
            phrase_ids.append(sample.phrase_ids[read])
            if sample.weights is None:
                weights.append(torch.ones(len(boxes[-1])))
            else:
                weights.append(sample.weights[read])
        batch = Batch(
            images=images,
            sizes=sizes,
            original_sizes=torch.tensor([sample.original_size for sample in samples]),
            tokens=tokens,
            attention_mask=attention_mask,
            phrase_masks=phrase_masks,
            boxes=boxes,
            phrase_ids=phrase_ids,
            prompts=prompts,
            image_ids=[sample.image_id for sample in samples],
            weights=weights if any(sample.weights is not None for sample in samples) else [],
            unsure=_unsure_tokens(samples, phrase_masks, tokens.shape[1]),
            unreadable={
                sample.image_id: sample.unreadable
                for sample in samples
                if sample.unreadable is not None
            },
            examples=examples_of(shown, samples, phrase_masks) if shown else None,
        )
        return replace(batch, targets=targets_of(batch, self.padding)) if self.training else batch


def _unsure_tokens(
    samples: Sequence[Sample], phrase_masks: Sequence[Tensor], length: int
) -> Tensor | None:
    """The tokens (B, T) of phrases that may have objects without a box; None without any."""
    if all(sample.unsure is None for sample in samples):
        return None
    unsure = torch.zeros(len(samples), length, dtype=torch.bool)
    for row, sample, masks in zip(unsure, samples, phrase_masks, strict=True):
        if sample.unsure is not None:
            row |= masks[sample.unsure].any(0)
            # In a full prompt the last token stands for "no object", which is not known either.
            row[MAX_TOKENS - 1 :] = True
    return unsure
