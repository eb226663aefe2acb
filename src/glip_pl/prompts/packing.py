"""Joins the caption of an image with captions of others, as negatives (paper 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glip_pl.prompts.negatives import TOKEN_BUDGET
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.spans import Phrase
from glip_pl.types import Prompt


@dataclass(frozen=True)
class CaptionPacking:
    """Packs a random number of other captions around a caption, in random order, within a budget.

    No caption is added with `none_probability`. Otherwise `max_captions` are drawn with
    `full_probability`, or else a uniform number below that. Captions that exceed the `budget` of
    tokens are left out. The defaults are those of the released GLIP-L.
    """

    max_captions: int = 20
    none_probability: float = 0.4
    full_probability: float = 0.5
    budget: int = TOKEN_BUDGET

    def count(self, random: np.random.Generator) -> int:
        """How many other captions to draw."""
        if random.random() < self.none_probability:
            return 0
        if random.random() < self.full_probability:
            return self.max_captions
        return int(random.integers(self.max_captions))

    def __call__(
        self,
        prompt: Prompt,
        others: Sequence[str],
        tokenizer: Tokenizer,
        random: np.random.Generator,
    ) -> Prompt:
        """The prompt with its caption among `others` and its phrases moved along with it."""
        if not others:
            return prompt
        captions = [_with_full_stop(prompt.caption), *map(_with_full_stop, others)]
        encoded = tokenizer(captions, add_special_tokens=False)["input_ids"]
        tokens_left = self.budget - len(encoded[0])
        chosen = [0]
        for other in random.permutation(np.arange(1, len(captions))).tolist():
            if len(encoded[other]) <= tokens_left:
                chosen.append(other)
                tokens_left -= len(encoded[other])
        order = random.permutation(chosen).tolist()
        shift = sum(len(captions[number]) for number in order[: order.index(0)])
        phrases: tuple[Phrase, ...] = tuple(
            tuple((start + shift, end + shift) for start, end in phrase)
            for phrase in prompt.phrases
        )
        return Prompt("".join(captions[number] for number in order), phrases)


def _with_full_stop(caption: str) -> str:
    """The caption with ". " at its end; its start is unchanged, so that spans stay valid."""
    text = caption.rstrip()
    return text + (" " if text.endswith(".") else ". ")
