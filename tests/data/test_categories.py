import pytest

from glip_pl.data.categories import Categories
from glip_pl.errors import UserError
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.tokens import Tokenizer

NAMES = ["cat", "dog_(animal)", "fire hydrant"]


def test_names_become_the_words_of_the_released_models(tokenizer: Tokenizer) -> None:
    categories = Categories.of(NAMES, None, tokenizer, "the source")
    assert [wording.text for wording in categories.wordings] == ["cat", "dog ", "fire hydrant"]
    assert list(categories.names) == NAMES
    # Each length includes the full stop; "hydrant" is split into two parts of a word.
    assert list(categories.lengths) == [2, 2, 2 + len(tokenizer.tokenize("hydrant"))]


def test_there_must_be_a_wording_for_every_category(tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match="`wordings` has 2 entries and the source 3 categories"):
        Categories.of(NAMES, [Wording("cat"), Wording("dog")], tokenizer, "the source")


def test_words_that_the_model_cannot_read_are_reported_once(
    tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    words = [Wording("cat"), Wording("\U0001f436"), Wording("hydrant")]
    for _ in range(2):
        Categories.of(NAMES, words, tokenizer, "the source")
    assert caplog.text.count("does not know all of \U0001f436:") == 1


def test_words_longer_than_a_prompt_are_refused(tokenizer: Tokenizer) -> None:
    words = [Wording("cat"), Wording("dog", suffix=" with ears" * 130), Wording("hydrant")]
    categories = Categories.of(NAMES, words, tokenizer, "the source")
    categories.check_budget(262)
    with pytest.raises(
        UserError, match=r"254 tokens, too few for the words of dog_\(animal\) \(262 tokens\)"
    ):
        categories.check_budget(254)
