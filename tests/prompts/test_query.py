"""What a user wants to detect is checked alike as a text and as a list of names."""

import pytest

from glip_pl.errors import UserError
from glip_pl.prompts import query
from glip_pl.prompts.query import names_query, text_query
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Prompt


@pytest.fixture(autouse=True)
def nothing_reported() -> None:
    query._warn.cache_clear()


def phrases(prompt: Prompt) -> list[str]:
    return [prompt.phrase_text(index) for index in range(len(prompt.phrases))]


def test_sound_queries_stay_as_they_are(
    tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    assert text_query("a red star. TV. ", tokenizer).caption == "a red star. TV. "
    wordings, positions = names_query(["bow_(weapon)", "cat"], tokenizer)
    assert [wording.text for wording in wordings] == ["bow ", "cat"]
    assert positions == [0, 1]
    assert not caplog.text


def test_repeated_phrases_are_searched_for_once(
    tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    assert phrases(text_query("circle. Circle. square. circle", tokenizer)) == ["circle", "square"]
    assert "searched for once: 'Circle', 'circle'" in caplog.text
    names, positions = names_query(["cat", "cat_", "dog"], tokenizer)
    assert [wording.name for wording in names] == ["cat", "dog"]
    assert positions == [0, 2]
    assert "searched for once: 'cat '" in caplog.text


def test_names_unknown_to_the_vocabulary_are_reported_once(
    tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        text_query("🐱. circle", tokenizer)
    assert caplog.text.count("does not know all of 🐱:") == 1
    names_query(["circle", "🐶"], tokenizer)
    assert "does not know all of 🐶:" in caplog.text


@pytest.mark.parametrize("text", ["St. Bernard", "3.5 inch disk", "a U.S. flag", "vitamin. c"])
def test_full_stops_that_belong_to_a_word_are_reported(
    text: str, tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    text_query(text, tokenizer)
    assert "names=<file with a name per line>" in caplog.text
    assert all(repr(piece.strip()) in caplog.text for piece in text.split("."))


def test_empty_and_long_names_are_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match=r"no words are left of '\(red\)', ' '"):
        names_query(["(red)", "circle (big)", " "], tokenizer)
    with pytest.raises(UserError, match=r"too few for 'cat cat .*\(301 tokens\)"):
        names_query(["circle", " ".join(["cat"] * 300)], tokenizer)
    with pytest.raises(UserError, match="list of names is empty"):
        names_query([], tokenizer)
