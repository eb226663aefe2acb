"""The words of one category at a time are searched, and ties go to the name."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from glip_pl.errors import UserError
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.wording_search import Choices, Memory, read_synonyms, search_wordings

NAMES = ["a", "b"]
FIRST = [Wording("a"), Wording("b")]
CHOICES = Choices({"a": ["aa", "a_b", "B"], "b": ["bb"]}, ["the {} here"], {"b": "which is c"})


class Scores:
    """Scores of whole texts; those that are not listed score 0."""

    def __init__(self, **texts: float) -> None:
        self.texts = {text.replace("_", " "): score for text, score in texts.items()}
        self.asked: list[tuple[list[str], int]] = []

    def __call__(self, wordings: Sequence[Wording], category: int) -> float:
        self.asked.append(([wording.text for wording in wordings], category))
        return self.texts.get(wordings[category].text, 0.0)


def test_words_templates_and_descriptions_follow_the_best_so_far() -> None:
    scores = Scores(a=1, aa=2, the_aa_here=3, bb=0.5)
    scores.texts["bb which is c"] = 1
    wordings, trials = search_wordings(NAMES, FIRST, CHOICES, scores)
    assert wordings == [Wording("aa", "the ", " here"), Wording("bb", "", " which is c")]
    texts = [text for texts, category in scores.asked if category == 0 for text in texts[:1]]
    assert texts == ["a", "aa", "a b", "the aa here"]  # "B" is another category's
    assert all(texts[0] == "the aa here" for texts, category in scores.asked if category == 1)
    assert [trial.score for trial in trials if trial.category == 0] == [1, 2, 0, 3]


def test_ties_go_to_the_name() -> None:
    wordings, _ = search_wordings(NAMES, FIRST, CHOICES, lambda wordings, category: 0.3)
    assert wordings == FIRST


def test_categories_that_no_picture_shows_keep_their_names() -> None:
    wordings, _ = search_wordings(NAMES, FIRST, CHOICES, lambda wordings, category: math.nan)
    assert wordings == FIRST


def test_a_small_gain_is_not_enough_if_more_is_asked_for() -> None:
    choices = Choices(CHOICES.synonyms, [], {}, gain=0.5)
    assert search_wordings(NAMES, FIRST, choices, Scores(aa=0.4))[0] == FIRST
    assert search_wordings(NAMES, FIRST, choices, Scores(aa=0.6))[0][0] == Wording("aa")


def test_a_search_continues_where_it_was_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "tried.jsonl"
    scores = Scores(aa=1)
    remembered = Memory.open(path)(scores)
    expected = search_wordings(NAMES, FIRST, CHOICES, remembered)
    with path.open("a") as file:
        file.write('["half a li')  # of a kill
    again = Scores()
    assert search_wordings(NAMES, FIRST, CHOICES, Memory.open(path)(again)) == expected
    assert again.asked == []
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    search_wordings(NAMES, FIRST, CHOICES, Memory.open(path)(again))
    assert len(again.asked) == len(scores.asked) - 2


def test_a_name_and_its_explanation_are_other_prompts_than_one_long_name(tmp_path: Path) -> None:
    scores = Scores()
    remembered = Memory.open(tmp_path / "tried.jsonl")(scores)
    remembered([Wording("the a")], 0)
    remembered([Wording("a", "the ")], 0)
    assert len(scores.asked) == 2


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (Choices({"c": ["x"]}, [], {}), "words for c"),
        (Choices({}, [], {"c": "x"}), "words for c"),
        (Choices({}, ["a photo"], {}), "must have {} once"),
        (Choices({}, ["{} and {}"], {}), "must have {} once"),
    ],
)
def test_words_of_no_category_and_bad_templates_are_refused(choices: Choices, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choices.check(NAMES)


def test_synonyms_are_read_from_settings_and_files(tmp_path: Path) -> None:
    assert read_synonyms({"a": "b", "1": ["c", "d"]}) == {"a": ["b"], "1": ["c", "d"]}
    assert read_synonyms(None) == {}
    (tmp_path / "words.json").write_text('{"a": ["b"]}')
    (tmp_path / "words.yaml").write_text("a: [b]")
    for name in ("words.json", "words.yaml"):
        assert read_synonyms(str(tmp_path / name)) == {"a": ["b"]}


@pytest.mark.parametrize("given", [{"a": 3}, {"a": [3]}, {"a": {"b": "c"}}])
def test_other_forms_of_synonyms_are_refused(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be of the form"):
        read_synonyms(given)
    with pytest.raises(UserError, match="cannot read"):
        read_synonyms(str(tmp_path / "absent.json"))
    (tmp_path / "list.yaml").write_text("[a]")
    with pytest.raises(UserError, match="must be of the form"):
        read_synonyms(str(tmp_path / "list.yaml"))
