"""Captions of other pictures around a picture's own: negatives for grounding data (paper 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glip_pl.prompts.negatives import TOKEN_BUDGET
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Phrase, Prompt


@dataclass(frozen=True)
class CaptionPacking:
    """A random number of other captions in random places, as long as all fit the budget.

    None with `none_probability`; of the rest, `max_captions` with `full_probability`, and else a
    uniform number below that. The defaults are those of the released GLIP-L.
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
        """The prompt among others, its phrases moved along; unchanged if there are none."""
        if not others:
            return prompt
        captions = [_closed(prompt.caption), *map(_closed, others)]
        encoded = tokenizer(captions, add_special_tokens=False)["input_ids"]
        left = self.budget - len(encoded[0])
        chosen = [0]
        for other in random.permutation(np.arange(1, len(captions))).tolist():
            if len(encoded[other]) <= left:
                chosen.append(other)
                left -= len(encoded[other])
        order = random.permutation(chosen).tolist()
        shift = sum(len(captions[one]) for one in order[: order.index(0)])
        phrases: tuple[Phrase, ...] = tuple(
            tuple((start + shift, end + shift) for start, end in phrase)
            for phrase in prompt.phrases
        )
        return Prompt("".join(captions[one] for one in order), phrases)


def _closed(caption: str) -> str:
    """With a full stop and a space at its end; the rest stays, spans count from its start."""
    text = caption.rstrip()
    return text + (" " if text.endswith(".") else ". ")
