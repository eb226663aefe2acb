"""The share with the best task figure within the budget is found with few measurements."""

from collections.abc import Callable
from math import nan

import pytest

from glip_pl.errors import UserError
from glip_pl.running.forgetting_budget import COARSE, ROUNDS, Choice, Point, choose_share


class Measured:
    """Points of a task and of retention sets as functions of the share; counts the calls."""

    def __init__(
        self, task: Callable[[float], float], **retention: Callable[[float], float]
    ) -> None:
        self.task, self.retention = task, retention
        self.shares: list[float] = []

    def __call__(self, share: float) -> Point:
        self.shares.append(share)
        kept = {name: figure(share) for name, figure in self.retention.items()}
        return Point(share, self.task(share), kept)


def falling(share: float) -> float:
    """Retention that loses 40 points."""
    return 90 - 40 * share


def test_the_largest_share_within_the_budget_is_found_by_halving() -> None:
    measured = Measured(lambda share: 50 * share, kept=falling)
    choice = choose_share(measured, 14)  # that is 0.35
    assert choice.possible and choice.chosen.share == 0.34375
    assert len(measured.shares) == len(set(measured.shares)) == len(COARSE) + ROUNDS
    assert [point.share for point in choice.points] == sorted(measured.shares)
    assert choice.lost(choice.chosen) == pytest.approx(13.75)
    assert choice.won(choice.chosen) == pytest.approx(17.1875)


def test_a_peak_of_the_task_within_the_budget_is_preferred() -> None:
    measured = Measured(lambda share: 30 - 100 * (share - 0.6) ** 2, kept=falling)
    choice = choose_share(measured, 100)
    assert choice.chosen.share == pytest.approx(0.6, abs=0.03)
    assert all(choice.keeps(point) for point in choice.points)


def test_the_most_forgotten_set_counts() -> None:
    choice = choose_share(Measured(lambda share: share, a=lambda share: 50, b=falling), 10)
    assert choice.chosen.share == 0.25
    assert choice.lost(choice.points[-1]) == pytest.approx(40)


@pytest.mark.parametrize("allowed", [0, 0.5])
def test_an_impossible_budget_gives_the_nearest(allowed: float) -> None:
    choice = choose_share(Measured(lambda share: 50 * share, kept=falling), allowed)
    assert not choice.possible
    assert choice.chosen.share == 0.03125  # the smallest that was measured
    assert choice.lost(choice.chosen) == pytest.approx(1.25)


def test_a_tuning_that_wins_nothing_leaves_the_model_before() -> None:
    choice = choose_share(Measured(lambda share: 20 - share, kept=lambda share: 50.0), 2)
    assert choice.possible and choice.chosen.share == 0


def test_equally_good_shares_are_decided_by_the_smaller_one() -> None:
    choice = choose_share(Measured(lambda share: min(share, 0.5), kept=falling), 100)
    assert choice.chosen.share == 0.5


def test_more_retention_than_before_is_no_loss() -> None:
    choice = choose_share(Measured(lambda share: share, kept=lambda share: 50 + share), 0)
    assert choice.chosen.share == 1
    assert choice.lost(choice.chosen) == -1


def test_before_and_tuned_are_always_measured() -> None:
    measured = Measured(lambda share: share, kept=falling)
    choice = choose_share(measured, 100, shares=[0.5], rounds=0)
    assert measured.shares == [0, 0.5, 1]
    assert isinstance(choice, Choice)


@pytest.mark.parametrize(
    "point", [Point(0, 1, {"kept": nan}), Point(0, 1, {}), Point(0, nan, {"kept": 3.0})]
)
def test_figures_that_are_no_numbers_are_refused(point: Point) -> None:
    with pytest.raises(UserError, match=r"forget_at_most: .* boxes"):
        choose_share(lambda share: point, 2)
