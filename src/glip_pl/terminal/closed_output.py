"""Ends a command without a word when nobody reads what it says any more, as in `... | head`."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

EXIT_CLOSED = 128 + signal.SIGPIPE
"""Exit code of a command whose reader has gone, as shells give it for a program in a pipe."""


@contextmanager
def ends_with_its_reader() -> Iterator[None]:
    """Exit with EXIT_CLOSED if the block, or what it has left to write, meets a closed pipe.

    Errors of other pipes, such as one to a process that this one has started, are raised as ever.
    """
    try:
        try:
            yield
        except SystemExit:
            _flush()
            raise
        _flush()
    except BrokenPipeError:
        gone = [stream for stream in (sys.stdout, sys.stderr) if not _has_reader(stream)]
        if not gone:
            raise
        for stream in gone:  # Python writes the rest of its buffer when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.exit(EXIT_CLOSED)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _has_reader(stream: TextIO | None) -> bool:
    """Whether somebody can still read a stream; True of one that is no file."""
    try:
        descriptor = stream.fileno()  # type: ignore[union-attr]  # None without a terminal
    except (AttributeError, OSError, ValueError):
        return True
    asked = select.poll()
    asked.register(descriptor, 0)
    return not any(event & (select.POLLERR | select.POLLHUP) for _, event in asked.poll(0))
