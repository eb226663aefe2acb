import logging

import pytest

from glip_pl.data.problems import PATIENCE, SHOWN, Problems
from glip_pl.errors import UserError


def test_the_first_error_is_raised_unless_some_are_tolerated() -> None:
    with pytest.raises(UserError, match="box 7"):
        Problems().error("box", "box 7")
    Problems(0.5).error("box", "box 7")


def test_every_bad_item_is_logged_and_few_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    problems = Problems(1.0)
    for number in range(10):
        problems.error("picture", f"picture {number}")
    assert all(f"picture {number}" in caplog.text for number in range(10))
    assert len(problems.examples["picture"]) == SHOWN
    assert problems.summary() == "10 x picture"


def test_notes_never_stop_and_are_logged_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    problems = Problems()
    for number in range(10):
        problems.note("box cut", f"box {number}")
    problems.judge(10)
    assert f"box {SHOWN - 1}" in caplog.text and f"box {SHOWN}" not in caplog.text


def test_nothing_is_raised_if_everything_is_tolerated() -> None:
    problems = Problems(1.0)
    for number in range(3 * PATIENCE):  # one picture may have many bad boxes
        problems.error("box", f"box {number}", seen=1)
    problems.judge(1)
    assert problems.errors == 3 * PATIENCE


def test_the_share_is_judged_early_and_at_the_end() -> None:
    problems = Problems(0.01)
    with pytest.raises(UserError, match=r"101 of 101 items are bad"):
        for number in range(200):
            problems.error("picture", f"picture {number}", seen=number + 1)
    few = Problems(0.01)
    few.error("picture", "picture 0", seen=1)  # the first items say little
    few.judge(PATIENCE)
    with pytest.raises(UserError, match="1 of 50 items"):
        few.judge(50)
