"""Chooses in which form an operation is computed: that of a CPU, of a GPU, or the plain one.

A CPU processes maps in chunks whose number depends on their size, and computes some layers by other
operations than those of their definition. A GPU processes whole maps, some by kernels of ours. An
exported graph must fit any size and is executed by other libraries, so that it holds each operation
as it is defined. The results are the same up to rounding (tests/models/test_plain_forms.py).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from torch import Tensor

_CHOSEN: ContextVar[str | None] = ContextVar("form", default=None)


@contextmanager
def _form(name: str) -> Iterator[None]:
    token = _CHOSEN.set(name)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def plain_forms() -> AbstractContextManager[None]:
    """Inside this context, this thread's models compute by plain forms; for tensors on a CPU."""
    return _form("plain")


def gpu_forms() -> AbstractContextManager[None]:
    """Inside this context, this thread's models compute as on a GPU, wherever their tensors are.

    For counting the operations of a GPU without one (scripts/gpu_budget.py).
    """
    return _form("gpu")


def wants_plain() -> bool:
    """Whether this thread computes by plain forms."""
    return _CHOSEN.get() == "plain"


def wants_cpu(tensor: Tensor) -> bool:
    """Whether to compute with a tensor in the forms that are fast on a CPU."""
    return tensor.device.type == "cpu" and _CHOSEN.get() is None


def wants_gpu(tensor: Tensor) -> bool:
    """Whether to compute with a tensor in the forms that are fast on a GPU."""
    return not wants_plain() and (tensor.is_cuda or _CHOSEN.get() == "gpu")
