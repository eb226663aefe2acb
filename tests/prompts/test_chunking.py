from hypothesis import given
from hypothesis import strategies as st

from glip_pl.prompts.building import Wording
from glip_pl.prompts.chunking import chunks
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from glip_pl.types import MAX_TOKENS


@given(st.lists(st.integers(2, 300), max_size=200), st.none() | st.integers(1, 90))
def test_every_name_is_asked_for_once_and_in_order(lengths: list[int], size: int | None) -> None:
    names = [Wording(f"thing {index}") for index in range(len(lengths))]
    asked: list[str] = []
    for chunk in chunks(names, lengths, size):
        count = len(chunk.prompt.phrases)
        assert 0 < count <= (size or len(names))
        assert count == 1 or sum(lengths[chunk.first : chunk.first + count]) + 1 <= MAX_TOKENS
        assert chunk.first == len(asked)
        asked += [chunk.prompt.phrase_text(phrase) for phrase in range(count)]
    assert asked == [one.name for one in names]


def test_lvis_takes_31_prompts_and_the_last_has_three_names() -> None:
    asked = list(chunks([Wording("name")] * 1203, [2] * 1203, 40))
    assert len(asked) == 31
    assert asked[-1].first == 1200
    assert len(asked[-1].prompt.phrases) == 3


def test_a_prompt_is_as_full_as_the_model_reads(tokenizer: Tokenizer) -> None:
    names = [Wording("red circle")] * 300
    lengths = name_lengths(tokenizer, [one.text for one in names])
    first, second, *_ = chunks(names, lengths)
    assert len(tokenizer(first.prompt.caption)["input_ids"]) <= MAX_TOKENS
    longer = f"{first.prompt.caption}. {names[second.first].text}"
    assert len(tokenizer(longer)["input_ids"]) > MAX_TOKENS
