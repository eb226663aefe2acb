"""Computes large intermediate results again in the backward pass instead of storing them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from glip_pl.errors import UserError

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


class RecomputedBlock:
    """A block of an encoder that computes its results again in the backward pass if it is told to.

    Only the input of the block is stored then.
    """

    recompute = False

    def recomputed(self, function: Callable[..., Any], *inputs: Any) -> Any:
        """The result of a function of this block and of inputs."""
        return recomputed(function, *inputs, largest=WORTH_TWICE if self.recompute else 0)


def recompute_blocks(network: nn.Module, setting: str) -> None:
    """Let all blocks of a network compute again. Raises UserError, naming the setting, without."""
    blocks = [module for module in network.modules() if isinstance(module, RecomputedBlock)]
    if not blocks:
        raise UserError(
            f"{setting}=true: only the layers of a Swin and of a BERT can be computed again, and "
            f"this encoder has none; set {setting}=false"
        )
    for block in blocks:
        block.recompute = True
