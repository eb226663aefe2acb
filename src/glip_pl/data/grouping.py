"""Batches of pictures of similar shape, so that little of a batch is padding."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Grouping = Literal["none", "orientation", "shape"]
"""Which pictures share a batch: any, those that are all wide or all tall (square counts as tall, as
in the official GLIP code), or those of about one aspect ratio, which are also resized alike."""

RATIO = 1.125
"""Ratio of the aspect ratios of neighbouring shape groups."""

FARTHEST = 8
"""Shape groups on either side of square; the last ones hold all longer pictures."""


class Layout(NamedTuple):
    """How the order of an epoch was laid out at its beginning, which it keeps until its end."""

    ranks: int = 1
    batch: int = 1  # samples of a rank in a step
    grouping: Grouping = "none"

    @property
    def run(self) -> int:
        """Number of neighbouring positions of the order that belong to one rank."""
        return 1 if self.grouping == "none" else self.batch


def groups_of(sizes: NDArray[np.int32], grouping: Grouping) -> NDArray[np.int8]:
    """The group (N,) of pictures of these heights and widths (N, 2)."""
    if grouping == "none":
        return np.zeros(len(sizes), dtype=np.int8)
    if grouping == "orientation":
        return (sizes[:, 0] >= sizes[:, 1]).astype(np.int8)
    ratios = np.log(sizes[:, 1], dtype=np.float32) - np.log(sizes[:, 0], dtype=np.float32)
    steps = np.rint(ratios / np.float32(np.log(RATIO)))
    return np.clip(steps, -FARTHEST, FARTHEST).astype(np.int8)


def arrange(
    order: NDArray[np.int32], groups: NDArray[np.int8], layout: Layout
) -> NDArray[np.int32]:
    """The order of an epoch with each rank's samples in batches of one group.

    In the `order` that is given, the ranks take turns; in the result, a rank has `layout.batch`
    neighbouring positions at a time. `groups` holds the group of each position. A batch has the
    place of the sample that completes it. Samples that fill no batch of their group stand last.
    """
    batch, ranks = layout.batch, layout.ranks
    share = len(order) // ranks
    whole = share // batch * batch
    result = order.copy()
    steps = result[: whole * ranks].reshape(-1, ranks, batch)  # a view: writing fills the result
    rest = result[whole * ranks : share * ranks].reshape(ranks, share - whole)
    for rank in range(ranks):
        positions = slice(rank, share * ranks, ranks)
        own = order[positions][_batches(groups[positions], batch)]
        steps[:, rank] = own[:whole].reshape(-1, batch)
        rest[rank] = own[whole:]
    return result


def _batches(groups: NDArray[np.int8], batch: int) -> NDArray[np.int64]:
    """Indices (N,) of a rank's samples, in batches of one group each as far as they fill any."""
    by_group = np.argsort(groups, kind="stable")
    ends = np.flatnonzero(np.diff(groups[by_group])) + 1
    batches, rest = [], []
    for members in np.split(by_group, ends):
        filled = len(members) // batch * batch
        batches.append(members[:filled].reshape(-1, batch))
        rest.append(members[filled:])
    all_batches = np.concatenate(batches)
    completed = np.argsort(all_batches[:, -1])
    return np.concatenate([all_batches[completed].ravel(), np.sort(np.concatenate(rest))])
