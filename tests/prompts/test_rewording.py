import json
from pathlib import Path
from typing import Any

import pytest

from glip_pl.errors import UserError
from glip_pl.prompts.prompt_from_text import Wording, detection_prompt, wordings_of
from glip_pl.prompts.rewording import Rewording, choose_wordings


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


def test_names_of_categories_may_be_numbers_in_the_settings() -> None:
    words: dict[Any, str] = {1: "one"}  # as Hydra reads data.prompts={1: one}
    assert [wording.text for wording in Rewording(words)(["1", "2"])] == ["one", "2"]


def test_a_released_knowledge_file_may_have_other_names_and_keeps_given_wordings(
    tmp_path: Path,
) -> None:
    file = tmp_path / "knowledge.yaml"
    file.write_text(
        "crab: {name: crab, def_wiki: A crustacean with claws., gpt3: [' It has ten legs.', b]}\n"
        "dock: {name: dock, def_wiki: null, gpt3: []}\n"
        "'0': {name: '0', def_wiki: A digit., gpt3: []}\n"
    )
    given = [Wording("crab", "one "), Wording("dock", suffix=" of a harbour"), Wording("pier")]
    names = ["crab", "dock", "pier"]
    texts = [wording.text for wording in Rewording(None, file, given)(names)]
    assert texts == ["one crab: A crustacean with claws", "dock of a harbour", "pier"]
    wordings = Rewording(descriptions=file, knowledge="gpt3")(names)
    assert [wording.text for wording in wordings] == ["crab: It has ten legs", "dock", "pier"]


def test_a_warning_names_categories_that_a_prompt_cannot_tell_apart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = ["bow_(weapon)", "bow_(decorative)", "RBC", "red_cell", "(x)"]
    assert len(Rewording({"RBC": "Red cell"})(names)) == 5
    assert "calls bow_(weapon), bow_(decorative) alike, 'bow'" in caplog.text
    assert "calls RBC, red_cell alike, 'red cell'" in caplog.text
    assert "no word for (x)" in caplog.text


def test_settings_with_names_of_no_category_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "descriptions.json"
    file.write_text(json.dumps({"wbc": "which is white"}))
    for rewording, setting in (
        (Rewording({"wbc": "cell"}), r"data\.prompts"),
        (Rewording(descriptions=file), r"descriptions\.json"),
    ):
        with pytest.raises(UserError, match=f"{setting} has words for wbc, but .* are RBC"):
            rewording(["RBC"])


def test_two_categories_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="several categories are called cat: a prompt cannot"):
        Rewording()(["cat", "dog", "cat"])


def test_a_list_of_wordings_needs_one_for_each_category() -> None:
    wordings = [Wording("cat"), Wording("dog")]
    assert choose_wordings(["a", "b"], wordings, "x.json") == wordings
    assert choose_wordings(["a_b"], None, "x.json") == [Wording("a b")]
    assert choose_wordings(["a"], Rewording({"a": "c"}), "x.json") == [Wording("c")]
    with pytest.raises(UserError, match=r"`wordings` has 2 entries and x\.json 3 cat"):
        choose_wordings(["a", "b", "c"], wordings, "x.json")
