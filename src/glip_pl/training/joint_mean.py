"""Means over all processes, computed while a device goes on with other work."""

from collections.abc import Callable

import torch.distributed as dist
from torch import Tensor


def begin_joint_mean(values: Tensor) -> Callable[[], Tensor]:
    """Begin to average values over all processes; returns a function that gives their mean.

    All values that a step needs belong in one tensor, so that the processes exchange one message.
    A GPU's stream waits for the message, its CPU does not.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return lambda: values
    total = values.clone()
    work = dist.all_reduce(total, async_op=True)

    def mean() -> Tensor:
        work.wait()
        return total / dist.get_world_size()

    return mean
