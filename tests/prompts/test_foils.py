"""Foils: which names they are, how training prompts get them, and how answers are numbered."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.errors import UserError
from glip_pl.prompts.foils import (
    NONSENSE,
    NONSENSE_WORDS,
    FoilQuestions,
    FoilSampler,
    foil_wordings,
    nonsense_words,
    read_foils,
)
from glip_pl.prompts.prompt_from_text import wordings_of


def test_made_up_words_are_the_same_for_a_seed_and_all_different() -> None:
    words = nonsense_words(200)
    assert len(set(words)) == 200
    assert words == nonsense_words(200) and words[:5] == nonsense_words(5)
    assert len(set(words) & set(nonsense_words(200, seed=1))) < 20
    assert read_foils(NONSENSE, "foils") == nonsense_words(NONSENSE_WORDS)


def test_foils_come_from_a_list_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "foils.txt"
    path.write_text("a cat\n\nfire_hydrant\n")
    assert read_foils(str(path), "foils") == ["a cat", "fire_hydrant"]
    wordings = foil_wordings(str(path), wordings_of(["dog"]), "foils")
    assert [wording.text for wording in wordings] == ["a cat", "fire hydrant"]
    assert read_foils(["cat", "3"], "foils") == ["cat", "3"]


@pytest.mark.parametrize(
    ("foils", "message"),
    [
        (["cat", "a  Dog", "a dog"], "data.foils names a dog more than once"),
        (["cat", " "], "data.foils has a name without words"),
        (["cat", "Fire  hydrant"], "data.foils names Fire hydrant, which the data show"),
        ("missing.txt", "the setting `data.foils` is a file"),
    ],
)
def test_foils_that_cannot_be_used_are_refused(foils: str | list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        foil_wordings(foils, wordings_of(["dog house", "fire_hydrant"]), "data.foils")


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 12))
def test_drawn_foils_differ_and_stay_in_the_budget(seed: int, tokens: int, most: int) -> None:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 9, 20).tolist()
    drawn = FoilSampler(["unused"], most, share=1.0)(lengths, tokens, random)
    assert len(set(drawn)) == len(drawn) <= most
    assert sum(lengths[foil] for foil in drawn) <= tokens


def test_a_share_of_the_prompts_gets_foils() -> None:
    random = np.random.default_rng(0)
    sampler = FoilSampler(["unused"], most=4, share=0.25)
    counts = [len(sampler([2] * 30, 250, random)) for _ in range(800)]
    assert 150 < sum(count > 0 for count in counts) < 250
    assert set(counts) == {0, 1, 2, 3, 4}
    assert sampler([], 250, random) == []


def test_a_sampler_that_draws_nothing_is_refused() -> None:
    for most, share in ((0, 0.5), (1, 1.5), (1, -0.1)):
        with pytest.raises(UserError, match="give 1 or more and a share from 0 to 1"):
            FoilSampler(["cat"], most, share)


@pytest.mark.parametrize("size", [None, 2])
def test_each_name_and_foil_has_the_numbers_of_its_prompts(size: int | None) -> None:
    names, foils = ["cat", "dog", "cow"], ["car", "tree"]
    numbers = FoilQuestions(3, 2)
    chunks = numbers.vocabulary(wordings_of([*names, *foils]), [2] * 5, size)
    texts = {
        chunk.first + phrase: chunk.prompt.phrase_text(phrase)
        for chunk in chunks
        for phrase in range(len(chunk.prompt.phrases))
    }
    assert [texts[number] for number in numbers.names_beside] == names
    assert [texts[number] for number in numbers.foils_beside] == foils
    assert [texts[number] for number in numbers.foils_alone] == foils
    assert sorted(texts) == list(range(3, 10))  # 0 to 2 are the names alone
    if size is None:
        assert [chunk.prompt.caption for chunk in chunks] == [
            "cat. dog. cow. car. tree",
            "car. tree",
        ]
