"""Runs a function in several processes that exchange tensors by gloo."""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from tests.training.commands import PRELOADED

SECONDS = 120
"""How long processes may take, and wait for each other."""


@dataclass(frozen=True)
class Task:
    """What one of the processes does; a file tells them where the others are."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    rank: int
    count: int
    folder: Path

    def __call__(self) -> None:
        """Run it in this process, and save what it returns."""
        torch.set_num_threads(1)
        dist.init_process_group(
            "gloo",
            init_method=f"file://{self.folder}/meeting",
            rank=self.rank,
            world_size=self.count,
            timeout=timedelta(seconds=SECONDS),
        )
        torch.save(self.function(*self.arguments), self.folder / f"{self.rank}.pt")
        dist.destroy_process_group()


def together(function: Callable[..., Any], folder: Path, *arguments: Any, count: int = 2) -> Any:
    """What a function of a module returns in each of `count` processes, by rank."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, __name__])
    tasks = [Task(function, arguments, rank, count, folder) for rank in range(count)]
    processes = [context.Process(target=task) for task in tasks]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
    assert [process.exitcode for process in processes] == [0] * count
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(count)]
