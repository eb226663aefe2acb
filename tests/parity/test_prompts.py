"""Prompt strings, character spans and token positions, byte for byte."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glip_pl.prompts.chunking import chunks
from glip_pl.prompts.negatives import TOKEN_BUDGET
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.prompt_from_text import (
    SEPARATOR,
    Wording,
    clean_name,
    detection_prompt,
    names_prompt,
)
from glip_pl.prompts.tokens import Tokenizer, name_lengths, tokenize
from glip_pl.types import Prompt
from tests.parity.cases import read

RECORDED: Mapping[str, Any] = read("prompts.json")


def positions(tokenizer: Tokenizer, prompt: Prompt) -> list[list[int]]:
    """The tokens of every phrase."""
    _, _, (masks,) = tokenize(tokenizer, [prompt])
    return [row.nonzero()[:, 0].tolist() for row in masks]


def of_spans(caption: str, spans: Sequence[Sequence[int]]) -> Prompt:
    """A prompt that asks for each span alone."""
    return Prompt(caption, tuple(((start, end),) for start, end in spans))


def check_query(tokenizer: Tokenizer, query: Mapping[str, Any]) -> None:
    """Caption, length and the tokens of every label that has any."""
    prompt = names_prompt(query["names"])
    assert prompt.caption == query["caption"]
    assert len(tokenizer(prompt.caption)["input_ids"]) == query["tokens_with_specials"]
    found = zip(query["labels"], positions(tokenizer, prompt), strict=True)
    assert {str(label): tokens for label, tokens in found if tokens} == query["label_to_tokens"]


def test_names_are_cleaned_alike() -> None:
    assert RECORDED["separator"] == SEPARATOR
    for name, cleaned in RECORDED["clean_name"]:
        assert clean_name(name) == cleaned


def test_prompts_of_category_lists(tokenizer: Tokenizer) -> None:
    assert RECORDED["queries"]
    for query in RECORDED["queries"].values():
        check_query(tokenizer, query)


def test_prompts_of_chunks(tokenizer: Tokenizer) -> None:
    recorded = RECORDED["chunks_of_40_of_1203"]
    asked = chunks([Wording("name")] * 1203, [2] * 1203, 40)
    sizes = [len(chunk.prompt.phrases) for chunk in asked]
    assert sizes == recorded["sizes"]
    for query in recorded["examples"].values():
        check_query(tokenizer, query)


def test_an_overlong_list_has_the_recorded_caption(tokenizer: Tokenizer) -> None:
    query = RECORDED["overflow_unchunked_120"]
    prompt = names_prompt(query["names"])
    assert prompt.caption == query["caption"]
    assert len(tokenizer(prompt.caption)["input_ids"]) == query["tokens_with_specials"]


def test_prompts_of_training_images(tokenizer: Tokenizer) -> None:
    seen = 0
    for case in RECORDED["od_training"]:
        order = case["label_order"]
        if len(order) > 1 and SEPARATOR not in case["caption"]:
            continue  # recorded with a separator that no released model used
        seen += 1
        spans = [case["label_to_char_span"][str(label)] for label in order]
        names = [case["caption"][start:end] for start, end in spans]
        prompt = names_prompt(names)
        assert prompt.caption == case["caption"]
        assert [list(phrase[0]) for phrase in prompt.phrases] == spans
        tokens = dict(zip(order, positions(tokenizer, prompt), strict=True))
        assert [tokens[label] for label in case["boxes_kept_labels"]] == case["box_token_indices"]
        owner = {str(token): label for label in order for token in tokens[label]}
        assert owner == case["token_to_label"]
        # Our budget counts as the official one did: the drawn names fit it.
        assert sum(name_lengths(tokenizer, names)) <= case["token_budget"] <= TOKEN_BUDGET
    assert seen > 0


def test_all_names_in_order(tokenizer: Tokenizer) -> None:
    case = RECORDED["od_simple_fixed_order"]
    prompt = names_prompt(case["caption"].split(SEPARATOR))
    assert prompt.caption == case["caption"]
    asked = [prompt.phrases[label - 1] for label in case["box_labels"]]
    assert [[list(span) for span in phrase] for phrase in asked] == case["spans"]
    tokens = positions(tokenizer, prompt)
    assert [tokens[label - 1] for label in case["box_labels"]] == case["box_token_indices"]


def test_any_span_has_the_recorded_tokens(tokenizer: Tokenizer) -> None:
    for case in (RECORDED["positive_map_spans"], RECORDED["positive_map_truncated"]):
        prompt = of_spans(case["caption"], case["spans"])
        assert positions(tokenizer, prompt) == case["token_indices"]


def test_wordings_of_the_odinw_prompts(tokenizer: Tokenizer) -> None:
    case = RECORDED["od_simple_caption_prompt"]
    prompt = detection_prompt([Wording(**wording) for wording in case["caption_prompt"]])
    assert prompt.caption == case["caption"]
    asked = [prompt.phrases[label - 1] for label in case["box_labels"]]
    assert [[list(span) for span in phrase] for phrase in asked] == case["spans"]


def test_packed_captions(tokenizer: Tokenizer) -> None:
    for case in RECORDED["caption_packing"]:
        spans = tuple(tuple((s, e) for s, e in phrase) for phrase in case["tokens_positive"])
        packed = set()
        for seed in range(60):
            prompt = CaptionPacking()(
                Prompt(case["positive"], spans),
                case["negatives"],
                tokenizer,
                np.random.default_rng(seed),
            )
            packed.add((prompt.caption, prompt.phrases))
        shifted = tuple(tuple((s, e) for s, e in phrase) for phrase in case["shifted"])
        # The official draw is one of ours: the same captions in the same form, spans moved alike.
        assert (case["caption"], shifted) in packed
