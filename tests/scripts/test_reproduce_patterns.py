"""Figures are found in texts by patterns."""

import pytest

from glip_pl.errors import UserError
from scripts.reproduce.patterns import found, number


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("| seen | 87.8 | 97.9 |", "| seen | {AP} | {} |", {"AP": "87.8"}),
        ("| a | 1 |\n| b | -2.5 |", "| a | {a} | | b | {b} |", {"a": "1", "b": "-2.5"}),
        ("worst  5.1e-6 (x, 1)", "worst {error} ({*})", {"error": "5.1e-6"}),
        ("3,444 passed, 10 skipped", "{passed} passed, {} skipped", {"passed": "3,444"}),
        ("| tuned | 0, 2 | 89.9, 88.6 |", "| 0, 2 | {0}, {2} |", {"0": "89.9", "2": "88.6"}),
        ("ratio\n   10.0 x", "ratio {r}", {"r": "10.0"}),
    ],
)
def test_figures_are_found(text: str, pattern: str, expected: dict[str, str]) -> None:
    assert found(text, [pattern], "the text") == expected


@pytest.mark.parametrize("text", ["ratio: none", "ratio 1, ratio 2", "ratio\n"])
def test_a_pattern_that_is_absent_or_ambiguous_is_an_error(text: str) -> None:
    with pytest.raises(UserError, match=r"output.txt has . places of the form 'ratio \{r\}'"):
        found(text, ["ratio {r}"], "output.txt")


def test_any_text_ends_with_the_line() -> None:
    with pytest.raises(UserError):
        found("ratio of\nsomething 1", ["ratio {*}thing {r}"], "the text")


def test_numbers_have_their_value() -> None:
    assert [number(text) for text in ("3,444", "5.1e-6", "-2.5")] == [3444, 5.1e-6, -2.5]
