import logging

import pytest

from glip_pl.terminal.progress import ProgressLine, with_progress


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_no_line_comes_before_the_delay_is_over(caplog: pytest.LogCaptureFixture) -> None:
    ProgressLine(delay=3600).update(1, 2, "picture")
    assert not caplog.messages


def test_the_first_line_comes_after_the_delay_and_the_next_after_the_interval(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = ProgressLine(interval=3600, delay=0)
    line.update(1, 4, "picture")
    line.update(2, 4, "picture")
    assert len(caplog.messages) == 1
    line.next -= 3600  # as if the interval were over
    line.update(3, 4, "picture", " (2 bad)")
    assert caplog.messages[0].startswith("picture 1 of 4, about ")
    assert caplog.messages[1].startswith("picture 3 of 4 (2 bad), about ")


def test_the_time_left_goes_by_what_this_start_has_done(caplog: pytest.LogCaptureFixture) -> None:
    line = ProgressLine(delay=0, already_done=60)
    line.started -= 600  # as if ten minutes ago
    line.update(80, 100, "step")
    assert caplog.messages == ["step 80 of 100, about 10 min left"]


def test_no_line_is_logged_on_a_terminal(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ProgressLine(delay=0).update(1, 2, "picture")
    assert not caplog.messages


@pytest.mark.parametrize("terminal", [False, True])
def test_all_items_are_yielded_in_order(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    assert list(with_progress(iter("abc"), 3, "letter")) == ["a", "b", "c"]
    assert list(with_progress([], 0, "letter")) == []
