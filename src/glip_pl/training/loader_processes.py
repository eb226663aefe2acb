"""Keeps the processes that load data alive when a signal goes to all processes of a job."""

import copy
import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.context import BaseContext
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
    context: BaseContext = loader.multiprocessing_context or multiprocessing.get_context()
    is_forked = context.get_start_method() == "fork"
    if loader.num_workers and is_forked and hasattr(signal, "sigwaitinfo"):
        loader.multiprocessing_context = _starting_blocked(context)


def _starting_blocked(context: BaseContext) -> BaseContext:
    """The same way to start processes, but they start with SIGTERM blocked in all their threads.

    Libraries start threads when a process is forked, OpenTelemetry in wandb for one. These would
    get the signal in place of the thread that waits for it, and the worker would end.
    """

    class Blocked(context.Process):  # type: ignore[name-defined]  # each context has a class of its own
        def start(self) -> None:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            try:
                super().start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    own = copy.copy(context)
    own.Process = Blocked  # type: ignore[attr-defined]  # typeshed knows it in subclasses only
    return own


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
