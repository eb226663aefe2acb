import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.models.prompt_tuning import PromptTables
from glip_pl.types import TextFeatures


def words(length: int) -> TextFeatures:
    torch.manual_seed(length)
    return TextFeatures(torch.randn(2, length, 4), torch.ones(2, length, dtype=torch.bool))


def test_untrained_tables_change_nothing_and_have_the_names_of_checkpoints() -> None:
    tables, text = PromptTables(2, 4, rows=6), words(5)
    assert list(tables.state_dict()) == ["0.weight", "1.weight"]
    out = tables(text)
    assert out.hidden.equal(text.hidden)
    assert [addition.any().item() for addition in out.deeper] == [False]


def test_the_first_table_is_added_to_the_words_and_later_ones_travel_along() -> None:
    tables, text = PromptTables(3, 4, rows=6), words(5)
    for number, table in enumerate(tables.parameters(), start=1):
        with torch.no_grad():
            table.copy_(number * torch.arange(6.0)[:, None])  # row r of table n holds n * r
    out = tables(text)
    rows = torch.arange(5.0)[:, None].expand(2, 5, 4)
    assert out.hidden.equal(text.hidden + rows)
    for number, addition in zip((2, 3), out.deeper, strict=True):
        assert addition.equal(number * rows)
    assert out.mask is text.mask


def test_without_tables_the_words_stay_as_they_are() -> None:
    text = words(5)
    assert PromptTables(0, 4)(text) is text


def test_a_text_that_is_longer_than_the_learned_prompt_is_refused() -> None:
    with pytest.raises(UserError, match="has 6 tokens, fewer than the 7 of this text"):
        PromptTables(1, 4, rows=6)(words(7))
