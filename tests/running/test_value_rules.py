"""Rules of values accept what they say, and say what they accept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from glip_pl.running.value_rules import Rule, fits, shown_value

NODE = {"_target_": "some.Class"}


@pytest.mark.parametrize(
    ("hint", "right", "wrong"),
    [
        (int, [0, -5], [True, 1.0, "1", None, [1]]),
        (float, [1, 0.5], [True, "0.5", float("nan"), float("inf")]),
        (bool, [True], [1, "true", None]),
        (str, ["", "a"], [1, None, ["a"]]),
        (str | Path, ["a"], [1]),
        (int | None, [1, None], ["1"]),
        (int | Literal["full"], [1, "full"], ["none", 1.5]),
        (Literal[16, "16"], [16, "16"], [True, 16.0, 32]),
        (Sequence[int], [[], [1]], [1, [1.5], ["a"], "ab"]),
        (str | Sequence[str], ["a", ["a"]], [[1], 1]),
        (list, [[], [1, "a"]], [1, "a", None]),
        (Iterable[str], [["a"], "a"], [1, None]),
        (Mapping[str, str] | None, [None, {}, {"a": "b"}], [{"a": 1}, 1]),
        (dict[str, Any], [{"a": 1}], [[1], None]),
        (Rule, [NODE], [1, None, {"a": 1}, "text"]),
        (Callable[..., Any], [NODE], [1, None]),
        (Any, [1, None, {}], []),
    ],
)
def test_types(hint: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not fits(value, hint)] == []
    assert [value for value in wrong if fits(value, hint)] == []


@pytest.mark.parametrize(
    ("rule", "right", "wrong", "words"),
    [
        (Rule(int, least=1), [1, 9], [0, -1, 1.5], "a whole number of 1 or more"),
        (Rule(float, least=0, most=1), [0, 1, 0.3], [-0.1, 30], "a number from 0 to 1"),
        (Rule(float, above=0), [1e-9], [0, -1], "a number above 0"),
        (Rule(float, least=0, below=1), [0], [1, 2], "a number of 0 or more and below 1"),
        (
            Rule(int, least=1, other=("auto", None)),
            [1, "auto", None],
            [0, "abc"],
            "a whole number of 1 or more, auto or null",
        ),
        (
            Rule(list[int], least=1, most=8192, empty=False),
            [[1]],
            [[], [0], [60000], 128],
            "a list of whole numbers from 1 to 8192, not empty",
        ),
        (Rule(str, empty=False), ["a"], ["", None], "text, not empty"),
        (Rule(Literal["min", "max"]), ["min"], ["mean", None], "min or max"),
        (Rule(Rule), [NODE], [5], "settings with a _target_"),
        (Rule(list), [[1]], [5], "a list"),
    ],
)
def test_bounds_and_words(rule: Rule, right: list[Any], wrong: list[Any], words: str) -> None:
    assert [value for value in right if not rule.accepts(value)] == []
    assert [value for value in wrong if rule.accepts(value)] == []
    assert str(rule) == words


def test_values_are_shown_as_they_are_typed() -> None:
    values: list[Any] = [None, True, False, 1.5, [], "a"]
    assert list(map(shown_value, values)) == ["null", "true", "false", "1.5", "[]", "a"]
    assert len(shown_value("x" * 1000)) == 103
