"""Joins the normalisers of the batches whose gradients are accumulated into one step."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import torch

from glip_pl.types import Batch


def with_joint_sums(
    batches: Iterable[Batch], accumulated: int, done: int = 0, total: float = float("inf")
) -> Iterator[Batch]:
    """Batches with targets whose `sums` are means over the batches of one optimizer step.

    A step has `accumulated` batches, counted from the start of the epoch; its last ones are fetched
    before the first one is given. `done` batches of the epoch are already trained on and not in
    `batches`; an epoch of `total` batches may end within a step. Its gradient is the sum of the
    batches' gradients by `accumulated`, as Lightning adds them up: that of their joint batch.
    """
    source = iter(batches)
    while window := list(islice(source, int(min(accumulated - done % accumulated, total - done)))):
        targets = [batch.targets for batch in window if batch.targets is not None]
        sums = torch.stack([one.sums for one in targets]).sum(0) / accumulated
        if targets[0].sums.is_pinned():
            sums = sums.pin_memory()
        for batch, own in zip(window, targets, strict=True):
            yield replace(batch, targets=replace(own, sums=sums))
        done += len(window)
