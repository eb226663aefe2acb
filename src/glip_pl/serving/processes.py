"""Ends the processes of a server with it, whatever ends it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

GRACE = 5.0
"""Seconds that a process has to end by itself."""


def end_with_parent() -> None:
    """End this process as soon as its parent has ended, even if that was killed."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True, name="end-with-parent").start()


def end_children() -> None:
    """End the processes that this one has started, which would else keep it waiting at its end."""
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join(GRACE)
        if child.is_alive():
            child.kill()
            child.join(GRACE)


@contextlib.contextmanager
def stopping_signals() -> Iterator[threading.Event]:
    """Within, SIGTERM ends the program like Ctrl-C; gives an event that is set by either."""
    stopped = threading.Event()
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a forked child, which has inherited this function
            os._exit(0)
        if not stopped.is_set():  # a second signal does not disturb the orderly end
            stopped.set()
            raise KeyboardInterrupt

    before = {kind: signal.signal(kind, stop) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
