import pytest

from glip_pl.errors import UserError, first_line, require_extra, shown, some


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a", "b"], "a, b"),
        (["a", "b", "c", "d"], "a, b, c, d"),
        (["a", "b", "c", "d", "e", "f"], "a, b, c, d and 2 more"),
    ],
)
def test_long_lists_are_cut_and_counted(names: list[str], text: str) -> None:
    assert some(names) == text


def test_the_number_of_names_can_be_set() -> None:
    assert some(["a", "b", "c"], count=1) == "a and 2 more"


@pytest.mark.parametrize(("text", "line"), [("a b\nc", "a b"), ("", ""), ("abcdef", "abcde")])
def test_the_first_line_of_an_exception_is_cut(text: str, line: str) -> None:
    assert first_line(ValueError(text), length=5) == line


@pytest.mark.parametrize(
    ("value", "text"),
    [("a b", "a b"), ([1, "b"], "[1, 'b"), ([10**5000], "a number of thousands of digits")],
)
def test_any_value_is_shown_and_cut(value: object, text: str) -> None:
    assert shown(value, length=6) == text


def test_nested_lists_are_shown_at_once() -> None:
    values: list[object] = [1]
    for _ in range(60):
        values = [values, values]  # 2 ** 60 numbers
    assert shown(values).startswith("[[[[")


def test_a_missing_extra_is_named_with_the_command_to_type() -> None:
    require_extra("torch", "page", "the page")
    with pytest.raises(UserError, match=r"^the page needs no_such: pip install 'glip_pl\[page\]'$"):
        require_extra("no_such", "page", "the page")
