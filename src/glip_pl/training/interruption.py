"""Ends a training at the end of a batch when it is interrupted (Ctrl-C) or terminated (SIGTERM)."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import SIGTERMException

SIGNAL_EXIT = 128
"""What shells add to the number of the signal that ended a program."""

WORKER_ENDED = "DataLoader worker"
"""How the error begins that PyTorch raises, at any moment, when a process that loads data ends."""


@contextmanager
def stopped_at_batch_end(trainer: pl.Trainer) -> Iterator[None]:
    """Let the first Ctrl-C, and SIGTERM, stop `trainer.fit` at the end of the running batch.

    In the middle of a batch the weights may be half updated, and a resumed run could not repeat
    it. A second Ctrl-C stops at once, and nothing is saved. The process exits with 128 plus the
    number of the signal, as programs without a handler do.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt
        # Lightning stops at the end of a batch after SIGTERM: let it believe that it was one.
        trainer._signal_connector.received_sigterm = True
        print(
            "\nstopping after this batch; press Ctrl-C again to stop at once without saving",
            file=sys.stderr,
        )

    in_main_thread = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGINT, interrupt) if in_main_thread else None
    try:
        yield
    except (SIGTERMException, RuntimeError) as error:
        # A signal to the whole group of processes stops those that load data first.
        if isinstance(error, RuntimeError) and not _stopped_workers(trainer, error):
            raise
        number = received[0] if received else signal.SIGTERM
        name = signal.Signals(number).name
        print(f"stopped by {name}; resume=last continues the run", file=sys.stderr)
        sys.exit(SIGNAL_EXIT + number)
    except SystemExit:
        if len(received) > 1:  # what Lightning makes of the second Ctrl-C, with the exit code 1
            print("stopped at once; resume=last continues from the last save", file=sys.stderr)
            sys.exit(SIGNAL_EXIT + signal.SIGINT)
        raise
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, previous)


def _stopped_workers(trainer: pl.Trainer, error: RuntimeError) -> bool:
    """Whether an error says no more than that a signal has stopped the loader's workers too."""
    return trainer.received_sigterm and str(error).startswith(WORKER_ENDED)
