"""Processes that load data end with the training, not by signals to all of its processes."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Event, active_children
from pathlib import Path
from threading import Thread

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from glip_pl.training.loader_processes import keep_loading

pytestmark = pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="needs Linux")


def loader() -> "DataLoader[tuple[torch.Tensor, ...]]":
    data = TensorDataset(torch.arange(40))
    made = DataLoader(data, num_workers=1, prefetch_factor=1, timeout=60)
    keep_loading(made)
    return made


def check_all_batches_come(number: int) -> None:
    """Raise AssertionError unless a loader goes on after a signal to its processes."""
    batches = iter(loader())
    found = [int(next(batches)[0])]
    workers = [str(worker.pid) for worker in active_children()]
    subprocess.run(["kill", f"-{number}", *workers], check=True)
    time.sleep(0.1)
    found += [int(batch) for (batch,) in batches]
    assert found == list(range(40))
    deadline = time.monotonic() + 10
    while active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert active_children() == []  # the training has no more use for them


def start_threads_in_workers() -> None:
    """What wandb's OpenTelemetry does: each forked process gets a thread at once."""
    wait = Event().wait
    begin = lambda: Thread(target=wait, daemon=True).start()  # noqa: E731  # a hook
    os.register_at_fork(after_in_child=begin)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
@pytest.mark.parametrize("before", ["", "processes.start_threads_in_workers();"])
def test_all_batches_come_after_a_signal_to_the_workers(
    number: signal.Signals, before: str
) -> None:
    """In a new process, which no other test has changed."""
    script = f"import {__name__} as processes; {before} "
    script += f"processes.check_all_batches_come({int(number)})"
    top = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=top, timeout=120)


def test_the_training_itself_can_end_a_worker() -> None:
    batches = iter(loader())
    next(batches)
    (worker,) = active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGTERM)
    worker.join(5)
    assert worker.exitcode == 0


def test_what_a_worker_was_to_do_first_is_done() -> None:
    begun = Event()
    made = DataLoader(
        TensorDataset(torch.arange(1)), num_workers=1, worker_init_fn=lambda _: begun.set()
    )
    keep_loading(made)
    list(made)
    assert begun.is_set()
