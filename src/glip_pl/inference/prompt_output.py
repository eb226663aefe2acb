"""What a model has computed for one image and one prompt, with the words of the prompt."""

from dataclasses import dataclass

import torch
from torch import Tensor

from glip_pl.inference.decoding import phrase_scores
from glip_pl.prompts.tokens import Tokenizer, tokenize
from glip_pl.prompts.words import prompt_words
from glip_pl.types import Output, Prompt


@dataclass(frozen=True, eq=False)
class PromptOutput:
    """The output for one image and one prompt, on the CPU."""

    output: Output  # of a single image
    first: int  # index of the prompt's first phrase among all phrases that are asked for
    phrase_masks: Tensor  # (P, T) bool
    words: tuple[str, ...]
    word_masks: Tensor  # (W, T) bool

    @classmethod
    def of(
        cls, prompt: Prompt, first: int, phrase_masks: Tensor, output: Output, tokenizer: Tokenizer
    ) -> "PromptOutput":
        """The words of a prompt, whose phrases have these masks, with its output for one image.

        If the model has read something else in their place, such as examples, each phrase is taken
        as a word.
        """
        masks = phrase_masks.cpu()
        words, word_masks = prompt_words(prompt, tokenizer)
        if not _is_text(prompt, masks, tokenizer):
            words = [prompt.phrase_text(index) for index in range(len(masks))]
            word_masks = masks
        return cls(output.to("cpu"), first, masks, tuple(words), word_masks)

    def words_of(self, phrases: Tensor) -> list[int]:
        """The words, in order, that have a token in one of these phrases of the prompt."""
        width = min(self.word_masks.shape[1], self.phrase_masks.shape[1])
        tokens = self.phrase_masks[phrases].any(0)[:width]
        found = (self.word_masks[:, :width] & tokens).any(1).nonzero()[:, 0]
        return [int(word) for word in found]

    def word_scores(self, anchors: Tensor | None = None) -> Tensor:
        """The scores (N, W), 0 to 1, of every word at some anchors (N,) or at all of them.

        A word's score is the mean probability of its tokens, as that of a phrase.
        """
        tokens = self.word_masks.shape[1]
        logits = self.output.alignment[0, :, :tokens]
        chosen = logits if anchors is None else logits[anchors]
        return phrase_scores(chosen.float(), self.word_masks)

    def phrase_scores(self, phrase: int) -> Tensor:
        """The scores (A,) of a phrase of this prompt at all anchors, before centerness."""
        logits = self.output.alignment[0, :, : self.phrase_masks.shape[1]].float()
        return phrase_scores(logits, self.phrase_masks)[:, phrase]

    def centerness(self) -> Tensor:
        """How well each anchor (A,) is centred on an object, 0 to 1."""
        return torch.sigmoid(self.output.centerness[0].float())


def _is_text(prompt: Prompt, phrase_masks: Tensor, tokenizer: Tokenizer) -> bool:
    """Whether the tokens of the phrases are those of the prompt's text, which may be padded."""
    _, _, (masks,) = tokenize(tokenizer, [prompt])
    width = masks.shape[1]
    return width <= phrase_masks.shape[1] and masks.equal(phrase_masks[:, :width])
