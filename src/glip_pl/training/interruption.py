"""Ends a training at the end of a batch when a signal asks for it, in all processes at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import SIGTERMException

from glip_pl.training.callbacks.process_watch import SIGNAL_EXIT, ProcessWatch, stopped_by
from glip_pl.training.loader_processes import keep_loading

WORKER_ENDED = "DataLoader worker"
"""How the error begins that PyTorch raises, at any moment, when a process that loads data ends."""

STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
]
"""Ctrl-C, and what job schedulers send before they kill; Windows has no SIGUSR1."""

AHEAD = {"cpu": 1, "cuda": 8}
"""How many batches one process may be ahead of another: a GPU's queue is shorter than these."""


@contextmanager
def stopped_at_batch_end(
    trainer: pl.Trainer, shared: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or SIGUSR1 stop the trainer at the end of the running batch.

    In the middle of a batch the weights may be half updated, and a resumed run could not repeat
    it. A second Ctrl-C stops at once, and nothing is saved. The process exits with 128 plus the
    number of the signal, as programs without a handler do. A signal to one of several processes
    stops all, after the same batch. `shared` are settings that they must have in common.
    """
    received: list[int] = []
    watch = ProcessWatch(received, shared)
    stop = StopAtBatchEnd(received, watch)
    trainer.callbacks += [watch, stop]  # type: ignore[attr-defined]  # the Trainer gets its list of callbacks at run time
    _switch_off(trainer)
    try:
        with _handled(received), _workers_end(received), watch.ended_together():
            yield
    except SIGTERMException:
        number = stop.number or (received[0] if received else signal.SIGTERM)
        if trainer.is_global_zero:
            print(stopped_by(number), file=sys.stderr)
        if trainer.world_size > 1 and threading.current_thread() is threading.main_thread():
            for one in STOPPING:  # launchers end all processes after the first exit
                signal.signal(one, signal.SIG_IGN)
        sys.exit(SIGNAL_EXIT + number)
    except SystemExit:
        if (
            received.count(signal.SIGINT) > 1
        ):  # Lightning makes the exit code 1 of the second Ctrl-C
            print("stopped at once; resume=last continues from the last save", file=sys.stderr)
            sys.exit(SIGNAL_EXIT + signal.SIGINT)
        raise


class StopAtBatchEnd(pl.Callback):
    """Lets Lightning stop after a batch; must be listed after the callback that saves."""

    def __init__(self, received: list[int], watch: ProcessWatch) -> None:
        """`received` are the signals of this process so far."""
        self.received = received
        self.watch = watch
        self.batches = 0  # that this process has trained, as all others
        self.number: int | None = None  # of the signal that stops this run

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the loader, whose workers have not started yet, provide the last batches."""
        loader = trainer.train_dataloader
        assert loader is not None  # what a training reads
        keep_loading(loader)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Stop after the batch on which all processes have agreed, if it completes a step."""
        self.batches += 1
        peers, ahead = self.watch.peers, 0
        if peers is not None:
            ahead = AHEAD.get(pl_module.device.type, AHEAD["cuda"])
        asked = self._asked(self.batches + ahead)
        accumulated = (batch_idx + 1) % trainer.accumulate_grad_batches
        completes_step = accumulated == 0 or trainer.is_last_batch
        if asked is not None and self.batches >= asked[1] and completes_step:
            self.number = asked[0]
            _stop(trainer)

    def _asked(self, batch: int) -> tuple[int, int] | None:
        """The signal that stops this run, and after which batch; `batch` is our proposal."""
        peers = self.watch.peers
        if peers is None:
            return (self.received[0], batch) if self.received else None
        if self.received:
            peers.request_stop(self.received[0], batch)
        stop = peers.stop()
        return None if stop is None else (stop.number, stop.batch)

    def _stop_evaluation(self, trainer: pl.Trainer) -> None:
        """Stop now: what a resumed run needs was saved before, and nothing is exchanged."""
        asked = self._asked(self.batches)
        if asked is None or trainer.sanity_checking:
            return
        self.number = asked[0]
        if self.watch.peers is not None:
            raise SIGTERMException
        _stop(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do not begin a validation that would be stopped; it has been saved that it is due."""
        self._stop_evaluation(trainer)

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Stop a validation."""
        self._stop_evaluation(trainer)

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Stop a test."""
        self._stop_evaluation(trainer)


def _stop(trainer: pl.Trainer) -> None:
    """Let Lightning stop at the end of the batch, as after a SIGTERM that it has seen itself."""
    trainer._signal_connector.received_sigterm = True


def _switch_off(trainer: pl.Trainer) -> None:
    """Switch off Lightning's own handling, in which several processes wait for one another."""
    nothing: Callable[[], None] = lambda: None  # noqa: E731  # two methods become it
    connector, loop = trainer._signal_connector, trainer.fit_loop.epoch_loop
    # Its handler broadcasts in the middle of whatever the process does, and it broadcasts, and
    # waits for the answer, before every batch.
    connector.register_signal_handlers = nothing  # type: ignore[method-assign]  # no setting does it
    loop._broadcast_sigterm_tensor = nothing  # type: ignore[method-assign]  # no setting does it


@contextmanager
def _handled(received: list[int]) -> Iterator[None]:
    """Add signals to a list while the block runs, which the second Ctrl-C ends."""
    process = os.getpid()

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a process that was forked to load data
            return
        received.append(number)
        if number == signal.SIGINT and received.count(number) > 1:
            raise KeyboardInterrupt
        if number == signal.SIGINT:
            print(
                "\nstopping after this batch; press Ctrl-C again to stop at once without saving",
                file=sys.stderr,
            )

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handle) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _workers_end(received: list[int]) -> Iterator[None]:
    """Take it for a stop if a signal to the whole group has ended the loader's processes first."""
    try:
        yield
    except RuntimeError as error:
        if not received or not str(error).startswith(WORKER_ENDED):
            raise
        raise SIGTERMException from error
