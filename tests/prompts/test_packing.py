import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Prompt

PROMPT = Prompt("a red star", (((2, 10),), ((0, 1), (6, 10))))
OTHERS = ["a blue moon.", "two rings  ", "a cat"]


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_phrases_move_with_their_caption(tokenizer: Tokenizer, seed: int) -> None:
    packed = CaptionPacking()(PROMPT, OTHERS, tokenizer, np.random.default_rng(seed))
    assert [packed.phrase_text(phrase) for phrase in (0, 1)] == ["red star", "a star"]
    captions = ["a red star. ", "a blue moon. ", "two rings. ", "a cat. "]
    assert all(caption in packed.caption for caption in captions)
    assert len(packed.caption) == sum(map(len, captions))


def test_the_order_of_the_captions_is_random(tokenizer: Tokenizer) -> None:
    packed = {
        CaptionPacking()(PROMPT, OTHERS, tokenizer, np.random.default_rng(seed)).caption
        for seed in range(200)
    }
    assert len(packed) == 24


def test_captions_beyond_the_budget_are_left_out(tokenizer: Tokenizer) -> None:
    packing = CaptionPacking(budget=8)  # "a red star. " has 4 tokens, "a cat. " 3, the others 4
    packed = {
        packing(PROMPT, [*OTHERS, "a " * 20], tokenizer, np.random.default_rng(seed)).caption
        for seed in range(50)
    }
    assert {len(caption.split(".")) - 1 for caption in packed} == {2}
    assert all("a a" not in caption for caption in packed)


def test_without_other_captions_the_prompt_stays_as_it_is(tokenizer: Tokenizer) -> None:
    assert CaptionPacking()(PROMPT, [], tokenizer, np.random.default_rng(0)) is PROMPT


@pytest.mark.parametrize(
    ("packing", "expected"),
    [
        (CaptionPacking(none_probability=1), {0}),
        (CaptionPacking(max_captions=5, none_probability=0, full_probability=1), {5}),
        (CaptionPacking(max_captions=5, none_probability=0, full_probability=0), {0, 1, 2, 3, 4}),
    ],
)
def test_the_number_of_captions_follows_the_probabilities(
    packing: CaptionPacking, expected: set[int]
) -> None:
    random = np.random.default_rng(0)
    assert {packing.count(random) for _ in range(200)} == expected
