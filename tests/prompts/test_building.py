import pytest
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.errors import UserError
from glip_pl.prompts.building import clean_name, names_prompt, text_prompt


def test_clean_name_does_what_the_released_models_saw() -> None:
    assert clean_name("bow_(weapon)") == "bow "
    assert clean_name("__background__") == " background "
    assert clean_name("a (b) c (d) e") == "a  e".replace("  ", " ")
    assert clean_name("traffic_light") == "traffic light"


@given(st.lists(st.text(min_size=1, max_size=12), max_size=8))
def test_spans_slice_back_to_the_names(names: list[str]) -> None:
    prompt = names_prompt(names)
    assert [prompt.phrase_text(i) for i in range(len(names))] == [clean_name(n) for n in names]


def test_the_last_name_has_no_separator() -> None:
    assert names_prompt(["cat", "dog"]).caption == "cat. dog"


@given(st.text(max_size=60))
def test_typed_text_gives_every_stripped_part(text: str) -> None:
    parts = [part.strip() for part in text.split(".") if part.strip()]
    if not parts:
        with pytest.raises(UserError, match="names nothing to look for"):
            text_prompt(text)
        return
    prompt = text_prompt(text)
    assert [prompt.phrase_text(i) for i in range(len(parts))] == parts
