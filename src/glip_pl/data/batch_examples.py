"""Examples for the phrases of a training batch, from the boxes of the same batch.

The pictures of a batch are encoded anyway, so that examples cost little. They come from other
pictures whose prompt has a phrase of the same text; where there is none, at times from the same.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from glip_pl.prompts.placeholders import replaceable, with_placeholders
from glip_pl.types import Examples, Prompt, Sample

SHARE = 0.5
"""Share of the phrases of a sample that examples stand in for: words and examples are mixed."""

OWN = 0.5
"""Share of the phrases that no other picture has whose example is taken from the same picture."""

MOST = 3
"""Most examples of a phrase; fewer are as likely."""


class Shown(NamedTuple):
    """A phrase that is shown by examples."""

    sample: int  # its sample in the batch
    phrase: int  # of the sample's prompt
    examples: Sequence[tuple[int, int]]  # sample and box of each


def shown_phrases(samples: Sequence[Sample]) -> list[Shown]:
    """The phrases of a batch that examples stand in for; each sample's own seed draws them."""
    owners = _boxes_by_text(samples)
    return [
        shown
        for number, sample in enumerate(samples)
        if sample.example_seed is not None
        for shown in _of_sample(number, sample, owners)
    ]


def _of_sample(
    number: int, sample: Sample, owners: Mapping[str, Sequence[tuple[int, int]]]
) -> list[Shown]:
    random = np.random.default_rng(sample.example_seed)
    found = []
    for phrase in replaceable(sample.prompt):
        chosen, own = random.random(2)
        count = int(random.integers(1, MOST + 1))
        if chosen >= SHARE:
            continue
        boxes = owners.get(_key(sample.prompt.phrase_text(phrase)), ())
        others = [box for box in boxes if box[0] != number]
        pool = others or (boxes if own < OWN else ())
        if pool:
            order = random.permutation(len(pool))[:count].tolist()
            found.append(Shown(number, phrase, [pool[place] for place in order]))
    return found


def _boxes_by_text(samples: Sequence[Sample]) -> Mapping[str, Sequence[tuple[int, int]]]:
    """Sample and index of all boxes of the batch, by the text of their phrase."""
    owners: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, sample in enumerate(samples):
        for box, phrase in enumerate(sample.phrase_ids.tolist()):
            owners[_key(sample.prompt.phrase_text(phrase))].append((number, box))
    return owners


def _key(text: str) -> str:
    """Equal for texts that differ by case and spaces only."""
    return " ".join(text.casefold().split())


def read_prompts(samples: Sequence[Sample], shown: Sequence[Shown]) -> list[Prompt]:
    """The prompts of a batch with placeholders for the phrases that are shown by examples."""
    prompts = [sample.prompt for sample in samples]
    for number in {one.sample for one in shown}:
        chosen = {one.phrase for one in shown if one.sample == number}
        prompts[number] = with_placeholders(prompts[number], chosen)
    return prompts


def examples_of(
    shown: Sequence[Shown], samples: Sequence[Sample], phrase_masks: Sequence[Tensor]
) -> Examples:
    """The examples of a batch; `phrase_masks` B x (P, T) are those of the prompts it has."""
    pairs = [(row, image, box) for row, one in enumerate(shown) for image, box in one.examples]
    places, fillers = [], []
    for row, one in enumerate(shown):
        masks = phrase_masks[one.sample]
        tokens = masks[one.phrase].nonzero()[:, 0]
        places.append(one.sample * masks.shape[1] + tokens)
        fillers.append(torch.full_like(tokens, row))
    none = torch.zeros(0, dtype=torch.int64)
    boxes = [samples[image].boxes[box] for _, image, box in pairs]
    return Examples(
        images=torch.tensor([image for _, image, _ in pairs], dtype=torch.int64),
        boxes=torch.stack(boxes) if boxes else torch.zeros(0, 4),
        rows=torch.tensor([row for row, _, _ in pairs], dtype=torch.int64),
        count=len(shown),
        places=torch.cat([none, *places]),
        fillers=torch.cat([none, *fillers]),
    )
