"""Rounds the weights of a block for autocast by one kernel, and their gradients by another.

Autocast on a GPU rounds each weight by a kernel of its own wherever it is used, and each gradient
by one more: 1,300 of the 5,900 kernels of a step of GLIP-T.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from glip_pl.models.plain_forms import wants_gpu
from glip_pl.models.precision import product_type


class _Rounded(torch.autograd.Function):
    """Copies of tensors in a type; gradients are copied back into the type of each tensor."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *weights: Tensor) -> tuple[Tensor, ...]:
        """The copies, of which those of frozen weights have no gradient."""
        ctx.set_materialize_grads(False)
        ctx.weights = [torch.empty_like(weight, device="meta") for weight in weights]
        copies = [torch.empty_like(weight, dtype=dtype) for weight in weights]
        torch._foreach_copy_(copies, weights)
        trained = ctx.needs_input_grad[1:]
        frozen = [copy for copy, needed in zip(copies, trained, strict=True) if not needed]
        ctx.mark_non_differentiable(*frozen)
        return tuple(copies)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of the weights, None where a copy was not used."""
        found: list[Tensor | None] = [None] * len(gradients)
        sources, targets = [], []
        for index, (gradient, weight) in enumerate(zip(gradients, ctx.weights, strict=True)):
            if gradient is not None:
                target = torch.empty_like(weight, device=gradient.device)
                found[index] = target
                sources.append(gradient)
                targets.append(target)
        if targets:
            torch._foreach_copy_(targets, sources)
        return None, *found


@contextmanager
def rounded_weights(
    block: nn.Module, features: Tensor, kept: Sequence[Tensor | None] = ()
) -> Iterator[None]:
    """Inside, linear layers and convolutions of a block have weights in the type of autocast.

    In training on a GPU only; elsewhere nothing changes. `kept` are weights that stay as they are.
    A block at a time, so that its gradients can be exchanged while earlier blocks compute theirs.
    A compiled block is left alone: a compiler merges the casts itself.
    """
    dtype = product_type(features)
    slots = []
    if torch.is_grad_enabled() and wants_gpu(features) and not torch.compiler.is_compiling():
        slots = list(_slots(block, dtype, kept))
    if not slots:
        yield
        return
    weights = [layer._parameters[name] for layer, name in slots]
    copies = _Rounded.apply(dtype, *weights)
    try:
        for (layer, name), copy in zip(slots, copies, strict=True):
            layer._parameters[name] = copy
        yield
    finally:
        for (layer, name), weight in zip(slots, weights, strict=True):
            layer._parameters[name] = weight


def _slots(
    block: nn.Module, dtype: torch.dtype, kept: Sequence[Tensor | None]
) -> Iterator[tuple[nn.Module, str]]:
    """Layers and names of the parameters in float32 that autocast would round."""
    if dtype not in (torch.bfloat16, torch.float16):
        return
    excluded = set(map(id, kept))
    for layer in block.modules():
        parameters = layer._parameters if isinstance(layer, nn.Linear | nn.Conv2d) else {}
        for name, weight in parameters.items():
            if weight is not None and weight.dtype == torch.float32 and id(weight) not in excluded:
                yield layer, name
