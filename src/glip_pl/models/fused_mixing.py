"""The last step of a dynamic convolution as one operation: weigh, add and activate branches.

On CUDA, Triton kernels read every branch once (models/kernels/mixing.py); elsewhere the equations.
"""

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor


def available(tensor: Tensor) -> bool:
    """Whether branches of this type can be mixed in one operation."""
    return find_spec("triton") is not None and tensor.dtype == torch.float32


def _levels(maps: list[Tensor], weights: Tensor, counts: list[int]) -> Any:
    """The maps (B, P, C) and the weights (maps, B) of every level."""
    first = 0
    for count in counts:
        yield maps[first : first + count], weights[first : first + count]
        first += count


def _sum(maps: list[Tensor], weights: Tensor) -> Tensor:
    """The weighted sum of a level's maps."""
    parts = [one * weight[:, None, None] for one, weight in zip(maps, weights, strict=True)]
    return torch.stack(parts).sum(0)


@torch.library.custom_op("glip_pl::mix", mutates_args=())
def _mix(maps: list[Tensor], weights: Tensor, lines: Tensor, counts: list[int]) -> list[Tensor]:
    outs = []
    for (some, own), line in zip(_levels(maps, weights, counts), lines, strict=True):
        if weights.is_cuda:
            from glip_pl.models.kernels.mixing import launch

            outs.append(torch.empty_like(some[0]))
            launch(some, own, line, outs[-1])
        else:
            total, (a, b, c, d) = _sum(some, own), line[:, :, None].unbind(1)
            outs.append(torch.maximum(a * total + b, c * total + d))
    return outs


@_mix.register_fake
def _(maps: list[Tensor], weights: Tensor, lines: Tensor, counts: list[int]) -> list[Tensor]:
    return [torch.empty_like(some[0]) for some, _ in _levels(maps, weights, counts)]


@torch.library.custom_op("glip_pl::mix_backward", mutates_args=())
def _mix_backward(
    maps: list[Tensor], weights: Tensor, lines: Tensor, gradients: list[Tensor], counts: list[int]
) -> tuple[list[Tensor], Tensor, Tensor]:
    d_maps = [torch.empty_like(one) for one in maps]
    d_weights, d_lines = torch.zeros_like(weights), torch.zeros_like(lines)
    levels = zip(
        _levels(maps, weights, counts), _levels(d_maps, d_weights, counts), lines, d_lines,
        gradients, strict=True,
    )  # fmt: skip
    for (some, own), (d_some, d_own), line, d_line, gradient in levels:
        if weights.is_cuda:
            from glip_pl.models.kernels.mixing import launch_backward

            launch_backward(some, own, line, gradient, d_some, d_own, d_line)
        else:
            reference_backward(some, own, line, gradient, d_some, d_own, d_line)
    return d_maps, d_weights, d_lines


def reference_backward(
    maps: list[Tensor], weights: Tensor, lines: Tensor, gradient: Tensor,
    d_maps: list[Tensor], d_weights: Tensor, d_lines: Tensor,
) -> None:  # fmt: skip
    """Write the gradients of a level's maps; add those of its weights and lines."""
    total, (a, b, c, d) = _sum(maps, weights), lines[:, :, None].unbind(1)
    larger = a * total + b >= c * total + d
    first, second = gradient * larger, gradient * ~larger
    for index, value in enumerate((first * total, first, second * total, second)):
        d_lines[:, index] += value.sum(1)
    d_total = first * a + second * c
    for index, one in enumerate(maps):
        d_maps[index].copy_(d_total * weights[index][:, None, None])
        d_weights[index] += (d_total * one).sum((1, 2))


@_mix_backward.register_fake
def _(
    maps: list[Tensor], weights: Tensor, lines: Tensor, gradients: list[Tensor], counts: list[int]
) -> tuple[list[Tensor], Tensor, Tensor]:
    d_maps = [torch.empty_like(one) for one in maps]
    return d_maps, torch.empty_like(weights), torch.empty_like(lines)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    maps, weights, lines, ctx.counts = inputs
    ctx.save_for_backward(weights, lines, *maps)


def _backward(ctx: Any, gradients: list[Tensor]) -> tuple[Any, ...]:
    weights, lines, *maps = ctx.saved_tensors
    given = [gradient.contiguous() for gradient in gradients]
    return *_mix_backward(maps, weights, lines, given, ctx.counts), None


_mix.register_autograd(_backward, setup_context=_keep)


def fused_mixing(branches: list[list[Tensor]], weights: Tensor, lines: Tensor) -> list[Tensor]:
    """Activated levels (B, C, h, w), channels last in memory.

    Of up to three branches (B, C, h, w) for each level, weights (branches, B) of all of them, and
    lines (levels, B, 4, C): slope and offset of the first and of the second line.
    """
    flat = [
        branch.permute(0, 2, 3, 1).contiguous().flatten(1, 2)
        for level in branches
        for branch in level
    ]
    outs = _mix(flat, weights.contiguous(), lines.contiguous(), [len(level) for level in branches])
    sizes = [level[0].shape[-2:] for level in branches]
    return [out.mT.unflatten(2, size) for out, size in zip(outs, sizes, strict=True)]
