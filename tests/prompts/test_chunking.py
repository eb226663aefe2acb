from hypothesis import given
from hypothesis import strategies as st

from glip_pl.prompts.chunking import chunked_prompts


@given(st.integers(0, 200), st.integers(1, 90))
def test_every_name_is_asked_for_once_and_in_order(count: int, size: int) -> None:
    names = [f"thing {index}" for index in range(count)]
    asked = []
    for chosen, prompt in chunked_prompts(names, size):
        assert 0 < len(chosen) == len(prompt.phrases) <= size
        asked += [prompt.phrase_text(phrase) for phrase in range(len(chosen))]
        assert prompt.phrase_text(0) == names[chosen.start]
    assert asked == names


def test_lvis_takes_31_prompts_and_the_last_has_three_names() -> None:
    chunks = list(chunked_prompts(["name"] * 1203))
    assert len(chunks) == 31
    assert chunks[-1][0] == range(1200, 1203)
