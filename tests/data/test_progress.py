"""Epochs that are resumed by other numbers of processes, in Lightning's counters."""

from typing import Any

import pytest

from glip_pl.data.grouping import Layout
from glip_pl.data.progress import Progress


def counters(done: int, last: bool = False) -> dict[str, Any]:
    """Lightning's, as they are when a checkpoint is saved at the end of a batch."""
    current = {"ready": done, "started": done, "processed": done, "completed": done - 1}
    return {"total": dict(current), "current": current, "is_last_batch": last}


@pytest.mark.parametrize(("ranks", "batches"), [(4, 400), (16, 100), (8, 200)])
def test_batches_are_counted_anew(ranks: int, batches: int) -> None:
    """An epoch of 64,000 samples of which eight ranks have seen 6,400, four each in a step."""
    progress = Progress.from_start(2, Layout(8, 4))
    of_batches = counters(200)
    own = Layout(ranks, 4)
    resumed = progress.continued(of_batches, own, 64_000, 64_000 // ranks // 4)
    assert of_batches["current"]["processed"] == batches
    assert of_batches["current"]["completed"] == batches - 1
    assert of_batches["total"]["processed"] == 200  # of the whole training
    assert resumed.at(batches).seen == 6400
    assert resumed.layout == Layout(8, 4)


def test_what_does_not_divide_is_counted_from_the_end() -> None:
    """Lightning validates after the last of the batches that it expects."""
    progress = Progress.from_start(0, Layout(1, 5))
    of_batches = counters(3)
    resumed = progress.continued(of_batches, Layout(1, 4), 40, 10)
    done = of_batches["current"]["processed"]
    assert done == 4  # six steps of four are left of 25 samples
    assert resumed.at(done).seen == 15
    again = resumed.continued(counters(done + 2), Layout(1, 5), 40, 8)
    assert again.at(8 - 3).seen == 23


@pytest.mark.parametrize(("done", "last"), [(8, True), (8, False)])
def test_an_epoch_without_a_whole_step_left_is_over(done: int, last: bool) -> None:
    of_batches = counters(done, last)
    Progress.from_start(0, Layout(1, 5)).continued(of_batches, Layout(1, 6), 42, 7)
    assert of_batches["is_last_batch"]
    assert of_batches["current"]["processed"] == 7


def test_an_epoch_of_a_single_incomplete_step() -> None:
    of_batches = counters(1)
    Progress.from_start(0, Layout(1, 5)).continued(of_batches, Layout(1, 100), 42, 1)
    assert not of_batches["is_last_batch"]
    assert of_batches["current"]["processed"] == 0


def test_a_state_is_restored() -> None:
    progress = Progress(3, Layout(2, 4, "shape"), 16, 5)
    assert Progress.of_state(progress.state()) == progress
