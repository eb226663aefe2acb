import pytest

from glip_pl.errors import UserError
from glip_pl.inference.visual_prompt import NAME
from glip_pl.page.example_boxes import boxes_of, with_click


def test_lines_are_boxes_by_name() -> None:
    text = "red mark: 1, 2, 30, 40\n\n red mark:5 6 7.5 8\n9,10,11,12"
    assert boxes_of(text) == {
        "red mark": [[1, 2, 30, 40], [5, 6, 7.5, 8]],
        NAME: [[9, 10, 11, 12]],
    }


@pytest.mark.parametrize("line", ["a: 1, 2, 3", "a: 1, 2, 3, x", ": 1, 2, 3, 4", "a"])
def test_other_lines_are_named(line: str) -> None:
    with pytest.raises(UserError, match="is no box"):
        boxes_of(f"b: 1, 2, 3, 4\n{line}")


def test_without_a_box_there_is_nothing_to_look_for() -> None:
    with pytest.raises(UserError, match="click on two of its corners"):
        boxes_of(" \n")


def test_two_clicks_are_a_box_whatever_their_order() -> None:
    text, first = with_click("", "mark", None, [30, 5])
    assert (text, first) == ("", (30, 5))
    text, first = with_click(text, "mark", first, [10, 25])
    assert (text, first) == ("mark: 10, 5, 31, 26", None)
    text, first = with_click(text, " ", (1, 1), [2, 2])
    assert boxes_of(text) == {"mark": [[10, 5, 31, 26]], NAME: [[1, 1, 3, 3]]}
