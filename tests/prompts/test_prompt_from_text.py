import pytest
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.errors import UserError
from glip_pl.prompts.prompt_from_text import (
    Wording,
    clean_name,
    detection_prompt,
    names_prompt,
    text_prompt,
)


def test_names_are_cleaned_as_for_the_released_models() -> None:
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


def test_a_phrase_is_the_name_without_what_explains_it() -> None:
    prompt = detection_prompt([Wording("holes", "there are ", " on the road"), Wording("car")])
    assert prompt.caption == "there are holes on the road. car"
    assert prompt.phrases == (((10, 15),), ((29, 32),))


@given(st.text(max_size=60))
def test_typed_text_has_a_stripped_phrase_between_full_stops(text: str) -> None:
    spaced = text.replace("_", " ").replace("。", ".")
    pieces = [piece.strip() for piece in spaced.split(".") if piece.strip()]
    if not pieces:
        with pytest.raises(UserError, match="names nothing to look for"):
            text_prompt(text)
        return
    prompt = text_prompt(text)
    assert [prompt.phrase_text(i) for i in range(len(pieces))] == pieces


def test_underscores_and_east_asian_full_stops_are_understood() -> None:
    prompt = text_prompt("traffic_light。a cat。")
    assert [prompt.phrase_text(index) for index in range(2)] == ["traffic light", "a cat"]
    assert len(prompt.phrases) == 2
