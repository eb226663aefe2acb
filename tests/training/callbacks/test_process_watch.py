"""The watch over other processes; trainings with it are in training/test_several_processes.py."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from glip_pl.training.callbacks.process_watch import ProcessWatch, follows_from_others
from tests.training.processes import together


class Trainer:
    """As much of Lightning's as the watch looks at."""

    world_size = 2
    evaluating = False


def leave() -> float:
    """How long a process waits at the end for the other one, which needs longer."""
    watch: Any = ProcessWatch()
    watch.setup(Trainer(), None, "fit")
    with watch.ended_together():
        time.sleep(0.5 * (1 - dist.get_rank()))
    return time.monotonic()


def test_processes_wait_for_the_first_one_at_the_end(tmp_path: Path) -> None:
    first, second = together(leave, tmp_path)
    assert abs(first - second) < 0.4


def fail() -> str:
    """What the other process knows of an error."""
    watch: Any = ProcessWatch()
    watch.setup(Trainer(), None, "fit")
    if dist.get_rank() == 1:
        with pytest.raises(ValueError, match="no such file"), watch.ended_together():
            raise ValueError("no such file")
    for _ in range(100):
        failure = watch.peers.failure()
        if failure is not None:
            break
        time.sleep(0.05)
    dist.barrier()
    watch.thread.end()
    return f"{failure}"


def test_an_error_is_told_to_the_others(tmp_path: Path) -> None:
    assert together(fail, tmp_path) == ["(1, 'no such file')"] * 2


def test_one_process_is_not_watched() -> None:
    watch: Any = ProcessWatch()
    trainer = Trainer()
    trainer.world_size = 1
    watch.setup(trainer, None, "fit")
    with watch.ended_together():
        pass
    assert watch.thread is None


def test_only_errors_of_exchanges_follow_from_the_end_of_another_process() -> None:
    assert follows_from_others(RuntimeError("[.../gloo/transport/tcp/pair.cc] Connection closed"))
    assert follows_from_others(dist.DistBackendError("NCCL error"))
    assert not follows_from_others(RuntimeError("CUDA out of memory"))
    assert not follows_from_others(ValueError("gloo"))
