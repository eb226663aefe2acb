import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.errors import UserError
from glip_pl.prompts.building import (
    Rewording,
    clean_name,
    detection_prompt,
    names_prompt,
    text_prompt,
    wordings_of,
)


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


def test_categories_get_other_words_and_explanations(tmp_path: Path) -> None:
    names = ["RBC", "stingray", "WBC"]
    file = tmp_path / "descriptions.json"
    file.write_text(json.dumps({"stingray": "which is flat and round"}))
    wordings = Rewording({"RBC": "red blood cell"}, file)(names)
    prompt = detection_prompt(wordings)
    assert prompt.caption == "red blood cell. stingray which is flat and round. WBC"
    assert [prompt.phrase_text(phrase) for phrase in range(3)] == [
        "red blood cell",
        "stingray",
        "WBC",
    ]
    assert Rewording()(names) == wordings_of(names)


def test_words_for_no_category_and_broken_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.prompts speaks of rbc; the categories are RBC"):
        Rewording({"rbc": "cell"})(["RBC"])
    file = tmp_path / "descriptions.json"
    for text in ("[1]", "{", '"x"'):
        file.write_text(text)
        with pytest.raises(UserError, match="must be a JSON file of the form"):
            Rewording(descriptions=file)(["RBC"])
