"""What the processes of a training tell one another without exchanging tensors.

Collective operations would cost time in every step, and would wait forever for a process that has
ended. The store by which the processes have found one another does neither.
"""

from dataclasses import dataclass

import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, _get_default_store

GONE = "gone"
"""The sign of life of a process that has ended its part."""


@dataclass(frozen=True)
class Stop:
    """When all processes stop."""

    number: int  # of the signal that one of them got
    batch: int  # after so many batches


class Peers:
    """The processes of a training, as one of them sees them."""

    def __init__(self, stage: int) -> None:
        """`stage` counts the trainings and tests of this process, the same in all processes."""
        # No public function returns it. A clone has a connection of its own, for a thread.
        self.store = PrefixStore(f"glip_pl/{stage}", _get_default_store().clone())
        self.rank, self.count = dist.get_rank(), dist.get_world_size()

    def request_stop(self, number: int, batch: int) -> None:
        """Let all processes stop after a batch; the first request counts."""
        self.store.compare_set("stop", "", f"{number} {batch}")

    def stop(self) -> Stop | None:
        """The stop that a process has requested."""
        if not self.store.check(["stop"]):
            return None
        number, batch = map(int, self.store.get("stop").split())
        return Stop(number, batch)

    def report_failure(self, message: str) -> None:
        """Let all processes end; the first message counts."""
        self.store.compare_set("failure", "", f"{self.rank} {message}")

    def failure(self) -> tuple[int, str] | None:
        """The process that has reported a failure, and its message."""
        if not self.store.check(["failure"]):
            return None
        rank, _, message = self.store.get("failure").decode().partition(" ")
        return int(rank), message

    def live(self, sign: str) -> None:
        """Give a sign of life: one that differs from the last, or GONE."""
        self.store.set(f"life/{self.rank}", sign)

    def sign_of(self, rank: int) -> str | None:
        """The last sign of life of a process."""
        key = f"life/{rank}"
        return self.store.get(key).decode() if self.store.check([key]) else None

    def all_gone(self) -> bool:
        """Whether all processes have ended their part."""
        return all(self.sign_of(rank) == GONE for rank in range(self.count))

    def agreed(self, key: str, value: str) -> str:
        """What the first process says: waits for it in the others."""
        if self.rank == 0:
            self.store.set(key, value)
        return self.store.get(key).decode()
