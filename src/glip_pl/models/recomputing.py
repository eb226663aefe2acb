"""Intermediate results that are computed twice instead of kept for the backward pass."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint


def recomputed(function: Callable[..., Any], *inputs: Any) -> Any:
    """What `function(*inputs)` returns; in training, only inputs and results stay in memory.

    The recomputation draws the same random numbers, and stops at the last tensor that the
    backward pass asks for.
    """
    if not torch.is_grad_enabled():
        return function(*inputs)
    return checkpoint(function, *inputs, use_reentrant=False)
