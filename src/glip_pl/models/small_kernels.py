"""Small operations on lists of tensors by few kernels of a GPU, in value and in gradient."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from glip_pl.models.plain_forms import wants_gpu


class _Scaled(torch.autograd.Function):
    """Rows times numbers of the host, by two kernels instead of one for each row."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, factors: Sequence[float]) -> Tensor:
        """Rows (n, ...) times n factors."""
        ctx.factors = factors
        return torch.stack(torch._foreach_mul(rows.unbind(), factors))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient of the rows."""
        return torch.stack(torch._foreach_mul(gradient.unbind(), ctx.factors)), None


def scaled_rows(rows: Tensor, factors: Sequence[float]) -> Tensor:
    """Rows (n, ...) times n numbers that the host knows; it does not wait to send them."""
    scaled: Tensor = _Scaled.apply(rows, factors)
    return scaled


def means_of_maps(maps: Sequence[Tensor]) -> Tensor:
    """Means (maps, B, C) of maps (B, C, h, w) over their positions."""
    if not wants_gpu(maps[0]):
        return torch.stack([one.mean((2, 3)) for one in maps])
    # Gradients of sums are views, where those of means would be written for every position.
    sums = torch.stack([one.sum((2, 3)) for one in maps])
    return scaled_rows(sums, [1 / (one.shape[2] * one.shape[3]) for one in maps])


def for_each(parameter: Tensor, count: int) -> Sequence[Tensor]:
    """The parameter `count` times; on a GPU its gradients are added by one kernel at the end."""
    if count == 1 or not wants_gpu(parameter):
        return [parameter] * count
    return parameter.expand(count, *parameter.shape).unbind()
