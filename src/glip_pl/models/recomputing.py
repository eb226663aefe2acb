"""Computes large intermediate results again in the backward pass instead of storing them."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

WORTH_TWICE = 1 << 20
"""Elements of an intermediate result from which on it is computed again instead of stored."""


def recomputed(function: Callable[..., Any], *inputs: Any, largest: int) -> Any:
    """The result of `function(*inputs)`; in training, its intermediate results are not stored.

    `largest` is the number of elements of its largest intermediate result; if that is below
    WORTH_TWICE, all are stored as usual. The recomputation draws the same random numbers, and
    stops at the last tensor that the backward pass needs.
    """
    if not torch.is_grad_enabled() or largest < WORTH_TWICE:
        return function(*inputs)
    return checkpoint(function, *inputs, use_reentrant=False)
