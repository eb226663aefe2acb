"""Chooses the plain form of an operation for export instead of the one that is fast here.

A CPU processes maps in chunks whose number depends on their size, and computes some layers by other
operations than those of their definition. An exported graph must fit any size and is executed by
other libraries, so that it holds each operation as it is defined. The results are the same up to
rounding (tests/models/test_plain_forms.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ACTIVE = ContextVar("plain_forms", default=False)


@contextmanager
def plain_forms() -> Iterator[None]:
    """Inside this context, this thread's models compute by plain forms; for tensors on a CPU."""
    token = _ACTIVE.set(True)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def wants_plain() -> bool:
    """Whether this thread computes by plain forms."""
    return _ACTIVE.get()
