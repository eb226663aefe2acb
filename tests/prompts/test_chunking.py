from hypothesis import given
from hypothesis import strategies as st

from glip_pl.prompts.chunking import chunks
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from glip_pl.types import MAX_TOKENS


@given(st.lists(st.integers(2, 300), max_size=200), st.none() | st.integers(1, 90))
def test_every_name_is_in_one_prompt_and_in_order(lengths: list[int], size: int | None) -> None:
    wordings = [Wording(f"thing {index}") for index in range(len(lengths))]
    prompted: list[str] = []
    for chunk in chunks(wordings, lengths, size):
        count = len(chunk.prompt.phrases)
        assert 0 < count <= (size or len(wordings))
        assert count == 1 or sum(lengths[chunk.first : chunk.first + count]) + 1 <= MAX_TOKENS
        assert chunk.first == len(prompted)
        prompted += [chunk.prompt.phrase_text(phrase) for phrase in range(count)]
    assert prompted == [wording.name for wording in wordings]


def test_lvis_takes_31_prompts_and_the_last_has_three_names() -> None:
    prompts = list(chunks([Wording("name")] * 1203, [2] * 1203, 40))
    assert len(prompts) == 31
    assert prompts[-1].first == 1200
    assert len(prompts[-1].prompt.phrases) == 3


def test_a_prompt_has_as_many_names_as_the_model_reads(tokenizer: Tokenizer) -> None:
    wordings = [Wording("red circle")] * 300
    lengths = name_lengths(tokenizer, [wording.text for wording in wordings])
    first, second, *_ = chunks(wordings, lengths)
    assert len(tokenizer(first.prompt.caption)["input_ids"]) <= MAX_TOKENS
    longer = f"{first.prompt.caption}. {wordings[second.first].text}"
    assert len(tokenizer(longer)["input_ids"]) > MAX_TOKENS
