"""Chooses how much of a fine-tuning is kept, so that a model forgets no more than allowed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

from glip_pl.errors import UserError, some

COARSE = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the tuned weights that are measured first."""

ROUNDS = 3
"""How often the share halfway between the best one and its better neighbour is measured too."""


@dataclass(frozen=True)
class Point:
    """What the weights of one share reach, in points."""

    share: float  # of the tuned weights
    task: float  # what the model was tuned for
    retention: Mapping[str, float]  # what is left of the zero-shot ability, by set


@dataclass(frozen=True)
class Choice:
    """The measured shares, in order from 0 (before) to 1 (tuned), and the one that was chosen."""

    allowed: float  # points of every retention figure
    points: Sequence[Point]
    chosen: Point

    def lost(self, point: Point) -> float:
        """The points that the most forgotten retention set loses; negative if all of them gain."""
        before = self.points[0].retention
        return max(before[name] - value for name, value in point.retention.items())

    def won(self, point: Point) -> float:
        """The points that are gained on the task."""
        return point.task - self.points[0].task

    def keeps(self, point: Point) -> bool:
        """Whether a share loses no more than allowed."""
        return self.lost(point) <= self.allowed

    @property
    def possible(self) -> bool:
        """Whether any weights but those before the tuning lose no more than allowed."""
        return any(self.keeps(point) for point in self.points[1:])


def choose_share(
    measure: Callable[[float], Point],
    allowed: float,
    shares: Sequence[float] = COARSE,
    rounds: int = ROUNDS,
) -> Choice:
    """The share with the best task figure among those that lose no more than allowed.

    After `shares`, those halfway between the best one and its better neighbour are measured. If
    only the model before the tuning is within the budget, the chosen share is that of the others
    that loses least. Raises UserError if retention cannot be measured.
    """
    points = {share: _checked(measure(share)) for share in sorted({0.0, 1.0, *shares})}
    for _ in range(rounds):
        choice = _best_within(points, allowed)
        at = choice.points.index(choice.chosen)
        neighbours = [*choice.points[max(0, at - 1) : at], *choice.points[at + 1 : at + 2]]
        better = max(neighbours, key=lambda point: point.task)
        share = (choice.chosen.share + better.share) / 2
        points[share] = _checked(measure(share))
    choice = _best_within(points, allowed)
    return choice if choice.possible else _nearest(choice)


def _best_within(points: Mapping[float, Point], allowed: float) -> Choice:
    """The best share within the budget; the smallest of equally good ones, which forgets least."""
    ordered = [points[share] for share in sorted(points)]
    choice = Choice(allowed, ordered, ordered[0])
    kept = [point for point in ordered if choice.keeps(point)]
    return replace(choice, chosen=max(kept, key=lambda point: point.task))


def _nearest(choice: Choice) -> Choice:
    """The choice of the tuned weights that lose least, where all lose more than allowed."""
    return replace(choice, chosen=min(choice.points[1:], key=choice.lost))


def _checked(point: Point) -> Point:
    """The point. Raises UserError if its figures cannot be compared."""
    unknown = [name for name, value in point.retention.items() if isnan(value)]
    unknown += ["the task"] if isnan(point.task) else []
    if unknown or not point.retention:
        raise UserError(
            f"forget_at_most: {some(unknown) or 'retention'} has no figure in validation, where "
            "it has no boxes (the settings `retention` and data.val)"
        )
    return point
