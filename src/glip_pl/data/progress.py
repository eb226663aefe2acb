"""How far a training is in its epoch, counted in samples of all ranks.

Lightning counts batches of one rank, which mean something else after a change of the number of
ranks or of the batch size.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from glip_pl.data.grouping import Layout
from glip_pl.data.sampling import Position


@dataclass(frozen=True)
class Progress:
    """What the number of batches in an epoch means: offset + batches * joint samples."""

    epoch: int
    layout: Layout  # of the epoch's order
    joint: int  # samples of all ranks in a step
    offset: int = 0

    @classmethod
    def from_start(cls, epoch: int, own: Layout) -> Self:
        """An epoch that a run with the layout `own` goes through from its start."""
        return cls(epoch, own, own.ranks * own.batch)

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """What `state` has returned."""
        return cls(**{**state, "layout": Layout(**state["layout"])})

    def state(self) -> dict[str, Any]:
        """The values as a checkpoint keeps them."""
        return {**asdict(self), "layout": self.layout._asdict()}

    def at(self, batches: int) -> Position:
        """The position after a number of batches of one rank."""
        return Position(self.epoch, self.offset + batches * self.joint, self.layout)

    def continued(
        self, counters: MutableMapping[str, Any], own: Layout, length: int, steps: int
    ) -> "Progress":
        """The progress of a run with the layout `own` that resumes this one within the epoch.

        `counters` are Lightning's of the batches in the checkpoint: they are changed to what is
        left of the epoch of `length` samples, for a run that needs `steps` batches for a whole one.
        """
        current = counters["current"]
        seen = self.at(current["processed"]).seen
        left = 0
        if not counters["is_last_batch"]:
            share = max(0, length - seen) // own.ranks
            left = share // own.batch if steps > 1 else min(1, share)
        counters["is_last_batch"] = left == 0
        shift = steps - left - current["processed"]
        for name in current:
            current[name] += shift
        joint = own.ranks * own.batch
        return Progress(self.epoch, self.layout, joint, seen - (steps - left) * joint)
