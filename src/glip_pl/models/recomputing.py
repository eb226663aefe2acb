"""Intermediate results that are computed twice instead of kept for the backward pass."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

WORTH_TWICE = 1 << 20
"""Numbers in an intermediate result above which memory is dearer than computing it again."""


def recomputed(function: Callable[..., Any], *inputs: Any, largest: int) -> Any:
    """What `function(*inputs)` returns; in training, only inputs and results stay in memory.

    `largest` is the size of its largest intermediate result: small ones are kept. The
    recomputation draws the same random numbers, and stops at the last tensor that the backward
    pass asks for.
    """
    if not torch.is_grad_enabled() or largest < WORTH_TWICE:
        return function(*inputs)
    return checkpoint(function, *inputs, use_reentrant=False)
