"""Keeps the processes that load data alive when a signal goes to all processes of a job."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any

from torch.utils.data import DataLoader

IGNORED = [getattr(signal, name) for name in ("SIGINT", "SIGUSR1") if hasattr(signal, name)]
"""Signals that are for the training alone, which ends the processes that load its data."""


def keep_loading(loader: "DataLoader[Any]") -> None:
    """Let the workers that a loader will start end with the training only, not by its signals.

    Job schedulers and terminals signal all processes at once; the training still needs batches, up
    to the one after which all its processes stop.
    """
    loader.worker_init_fn = partial(_begin, loader.worker_init_fn)


def _begin(before: Callable[[int], object] | None, worker: int) -> None:
    """What a worker does first, after what it was to do."""
    if before is not None:
        before(worker)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # Linux; elsewhere SIGTERM ends a worker, as usual
        # Later threads inherit the mask, so that the one that waits gets the signal.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        Thread(target=_end_with_training, name="SIGTERM", daemon=True).start()


def _end_with_training() -> None:
    """End this process when SIGTERM comes from the training, which ends workers by it."""
    training = multiprocessing.parent_process()
    while True:
        sender = signal.sigwaitinfo({signal.SIGTERM}).si_pid
        if training is None or sender == training.pid:
            os._exit(0)
