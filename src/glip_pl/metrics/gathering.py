"""Brings the rows of all processes to the first one, and its result back to all."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import Store, _get_default_store

from glip_pl.errors import UserError

Result = TypeVar("Result")

LONGEST_PAUSE = 1.0
"""Seconds between two looks at whether the first process is ready, at most."""

_calls = count()  # of `from_first` in this process, as in all others


def several_processes() -> bool:
    """Whether this process is one of several."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def is_first() -> bool:
    """Whether this is the process that computes for all."""
    return not several_processes() or dist.get_rank() == 0


def to_first(own: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """In the first process the tensors of each process in turn, on the CPU; in others nothing.

    Tensors at one place of all processes differ in the number of rows only. Every process must
    exhaust this. Only the tensors of two processes are in memory at once.
    """
    if not several_processes():
        yield list(own)
        return
    device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    rows = torch.tensor([len(tensor) for tensor in own], device=device)
    of_ranks = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(of_ranks, rows)
    if dist.get_rank() != 0:
        for tensor in own:
            if len(tensor):
                dist.send(tensor.to(device).contiguous(), 0)
        return
    yield list(own)
    for rank, counts in enumerate(of_ranks[1:], 1):
        yield [
            _received(tensor, count, rank, device)
            for tensor, count in zip(own, counts.tolist(), strict=True)
        ]


def _received(like: Tensor, rows: int, rank: int, device: torch.device) -> Tensor:
    """A tensor of another process."""
    received = torch.empty((rows, *like.shape[1:]), dtype=like.dtype, device=device)
    if rows:
        dist.recv(received, rank)
    return received.cpu()


def from_first(make: Callable[[], Result]) -> Result:
    """What `make` returns in the first process, in every process.

    The others wait for it without a limit, however short that of the process group is. If it fails
    there, all processes fail: with UserError where that is what it raises.
    """
    if not several_processes():
        return make()
    store, ready = _get_default_store(), f"glip_pl/from_first/{next(_calls)}"
    made: list[Any] = [None, None]  # the result, or an error
    failure: Exception | None = None
    if is_first():
        try:
            made[0] = make()
        except Exception as error:  # told to the others, which would wait for ever
            failure = error
            made[1] = (isinstance(error, UserError), str(error) or repr(error))
        store.set(ready, "")
    _wait_for(store, ready)
    dist.broadcast_object_list(made, 0)
    if failure is not None:
        raise failure
    if isinstance(made[1], tuple):
        is_users, message = made[1]
        raise UserError(message) if is_users else RuntimeError(f"the first process: {message}")
    result: Result = made[0]
    return result


def _wait_for(store: Store, key: str) -> None:
    """Wait until the first process has set a key of the store by which the processes have met.

    In a collective operation the time limit of the process group would end the run, half an hour,
    and NCCL would keep a GPU busy. If the first process ends, so does its store: that is an error.
    """
    started = time.monotonic()
    while not store.check([key]):
        time.sleep(min(LONGEST_PAUSE, 0.001 + (time.monotonic() - started) / 20))
