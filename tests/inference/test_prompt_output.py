"""Word scores of one prompt's output."""

import torch

from glip_pl.inference.prompt_output import PromptOutput
from glip_pl.prompts.prompt_from_text import text_prompt
from glip_pl.prompts.tokens import Tokenizer, tokenize
from tests.inference.test_decoding import output


def test_words_are_means_of_their_tokens_and_phrases_are_means_of_all(tokenizer: Tokenizer) -> None:
    prompt = text_prompt("red stegosaurus. cat")
    (masks,) = tokenize(tokenizer, [prompt])[2]
    out = output(words=masks.shape[1] + 4)  # padded, as in a batch
    torch.manual_seed(0)
    out.alignment.normal_()
    part = PromptOutput.of(prompt, 0, masks, out, tokenizer)
    assert part.words == ("red", "stegosaurus", "cat")
    assert [part.words_of(torch.tensor([phrase])) for phrase in (0, 1)] == [[0, 1], [2]]
    assert part.words_of(torch.tensor([1, 0])) == [0, 1, 2]
    assert part.words_of(torch.zeros(0, dtype=torch.int64)) == []
    anchors = torch.tensor([7, 3])
    scores = part.word_scores(anchors)
    pieces = int(part.word_masks[1].sum())
    probabilities = out.alignment[0, anchors].sigmoid()
    torch.testing.assert_close(scores[:, 1], probabilities[:, 2 : 2 + pieces].mean(1))
    weighted = (scores[:, 0] + pieces * scores[:, 1]) / (1 + pieces)
    torch.testing.assert_close(part.phrase_scores(0)[anchors], weighted)
    torch.testing.assert_close(part.word_scores()[anchors], scores)
