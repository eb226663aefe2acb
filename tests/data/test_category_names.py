from typing import Any

import pytest

from glip_pl.data.category_names import category_name, note_repeated
from glip_pl.data.problems import Problems


def test_texts_and_numbers_are_names() -> None:
    assert [category_name(value) for value in ("red cell", 7, 0, 3.5)] == [
        "red cell",
        "7",
        "0",
        "3.5",
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "called null"),
        ("", "is empty"),
        (" \t", "is empty"),
        ([], r"called \[\]"),
        (True, "called True"),
    ],
)
def test_what_says_nothing_is_no_name(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        category_name(value)


def test_repeated_names_are_noted_once_each() -> None:
    problems = Problems()
    note_repeated(["cat", "dog", "cat ", "cat"], "boxes.json", problems)
    assert problems.examples == {
        "repeated category name": [
            "boxes.json: 3 categories are called 'cat', which no prompt can tell apart"
        ]
    }
