import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.errors import UserError
from glip_pl.prompts.building import (
    Rewording,
    Wording,
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
    digits: dict[Any, str] = {1: "one"}  # what Hydra makes of data.prompts={1: one}
    assert [one.text for one in Rewording(digits)(["1", "2"])] == ["one", "2"]


def test_a_released_knowledge_file_explains_the_names_that_it_knows(tmp_path: Path) -> None:
    file = tmp_path / "knowledge.yaml"
    file.write_text(
        "crab: {name: crab, def_wiki: A crustacean with claws., gpt3: [' It has ten legs.', b]}\n"
        "dock: {name: dock, def_wiki: null, gpt3: []}\n"
        "'0': {name: '0', def_wiki: A digit., gpt3: []}\n"
    )
    given = [Wording("crab", "one "), Wording("dock", suffix=" of a harbour"), Wording("pier")]
    names = ["crab", "dock", "pier"]
    texts = [one.text for one in Rewording(None, file, given)(names)]
    assert texts == ["one crab: A crustacean with claws", "dock of a harbour", "pier"]
    found = Rewording(descriptions=file, knowledge="gpt3")(names)
    assert [one.text for one in found] == ["crab: It has ten legs", "dock", "pier"]
    with pytest.raises(UserError, match=r"no 'def_wn' \(the setting `data.knowledge`\)"):
        Rewording(descriptions=file, knowledge="def_wn")(names)


def test_categories_that_are_one_in_a_prompt_are_told(caplog: pytest.LogCaptureFixture) -> None:
    names = ["bow_(weapon)", "bow_(decorative)", "RBC", "red_cell", "(x)"]
    assert len(Rewording({"RBC": "Red cell"})(names)) == 5
    assert "calls bow_(weapon), bow_(decorative) alike, 'bow'" in caplog.text
    assert "calls RBC, red_cell alike, 'red cell'" in caplog.text
    assert "no word for (x)" in caplog.text


def test_words_for_no_category_and_broken_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.prompts speaks of rbc; the categories are RBC"):
        Rewording({"rbc": "cell"})(["RBC"])
    file = tmp_path / "descriptions.json"
    for text in ("[1]", "{", '"x"'):
        file.write_text(text)
        with pytest.raises(UserError, match="must be a JSON or YAML file of the form"):
            Rewording(descriptions=file)(["RBC"])
