"""Word features come from the last layer of a BERT, or are the mean of some layers."""

import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.models.text_encoder import TextEncoder
from glip_pl.prompts.tokens import Tokenizer
from tests.conftest import MINILM


def test_layers_are_averaged(tokenizer: Tokenizer) -> None:
    tokens = torch.tensor([tokenizer("a red circle")["input_ids"]])
    mask = torch.ones_like(tokens, dtype=torch.bool)
    with torch.inference_mode():
        last, first, both = (
            TextEncoder(MINILM, layers=layers).eval()(tokens, mask).hidden
            for layers in (None, [0], [0, 6])
        )
    assert not torch.allclose(first, last, atol=0.1)
    torch.testing.assert_close(both, (first + last) / 2)


def test_a_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UserError, match=r"has the layers 0 \(embeddings\) to 6"):
        TextEncoder(MINILM, pretrained=False, layers=[0, 7])
