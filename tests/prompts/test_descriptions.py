from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.prompts.descriptions import Descriptions, read_descriptions

KNOWLEDGE = (
    "crab: {name: crab, def_wiki: A crustacean with claws., gpt3: [' It has ten legs.', b]}\n"
    "dock: {name: dock, def_wiki: null, gpt3: []}\n"
)


def test_texts_follow_the_names_after_a_space_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "descriptions.yaml"
    file.write_text("stingray: ' which is flat'\n1: the first\nempty: ''\nnull_text: null\n")
    assert read_descriptions(file, "def_wiki") == Descriptions(
        {"stingray": " which is flat", "1": " the first"}, general=False
    )


def test_texts_of_a_knowledge_file_follow_a_colon_without_the_last_full_stop(
    tmp_path: Path,
) -> None:
    file = tmp_path / "knowledge.yaml"
    file.write_text(KNOWLEDGE)
    assert read_descriptions(file, "def_wiki") == Descriptions(
        {"crab": ": A crustacean with claws"}, general=True
    )
    assert read_descriptions(file, "gpt3").texts == {"crab": ": It has ten legs"}
    with pytest.raises(UserError, match=r"no 'def_wn' \(the setting `data.knowledge`\)"):
        read_descriptions(file, "def_wn")


@pytest.mark.parametrize("text", ["[1]", "{", '"x"', "[" * 100_000, None])
def test_files_of_another_form_are_refused(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "descriptions.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match="must be a JSON or YAML file of the form"):
        read_descriptions(file, "def_wiki")


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)


@pytest.mark.parametrize("text", [LAUGHS, "a: " + "[" * 1000, "? [a]\n: b", "a: !!int ''"])
def test_yaml_without_end_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "descriptions.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match="must be a JSON or YAML file of the form"):
        read_descriptions(file, "def_wiki")
