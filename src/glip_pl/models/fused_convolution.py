"""All deformable convolutions of a pyramid with channels last as one operation.

Each map is read by up to three convolutions: those for the finer level, for its own and for the
coarser one (branches 0 to 2, the last with stride 2). On CUDA, a launch of a Triton kernel computes
the three of a map (models/kernels), with products in the type of the maps and positions in float32;
elsewhere torchvision's kernel, as their reference.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import deform_conv2d

TAPS = 9

STRIDES = (1, 1, 2)
"""Strides of the branches."""

Pair = tuple[int, int]
"""The number of a map, and a branch that reads it."""


def pairs(levels: int) -> Iterator[Pair]:
    """All convolutions of a pyramid, in the order of the results."""
    for level in range(levels):
        for branch in range(3):
            if 0 <= level + branch - 1 < levels:  # the level whose positions it reads
                yield level, branch


def available(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a convolution of this type can be computed in one operation on a device."""
    short = dtype in (torch.float16, torch.bfloat16)
    return find_spec("triton") is not None and (short or device.type == "cpu")


def _plain_inputs(
    features: Tensor, positions: Tensor, weight: Tensor, stride: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, weight, offsets and mask logits in the layout of torchvision, in float32."""
    height, width = ((side - 1) // stride + 1 for side in features.shape[1:3])
    parts = []
    for part in positions.permute(0, 3, 1, 2).split([2 * TAPS, TAPS], dim=1):
        channels = part.shape[1]
        first = part.flatten(1)[:, : channels * height * width]
        parts.append(first.view(-1, channels, height, width))
    kernel = weight.float().view(3, 3, *weight.shape[1:]).permute(3, 2, 0, 1)
    return features.float().permute(0, 3, 1, 2), kernel, parts[0], parts[1]


def reference(
    features: Tensor, positions: Tensor, weight: Tensor, bias: Tensor, stride: int
) -> Tensor:
    """The convolution by torchvision."""
    maps, kernel, offsets, logits = _plain_inputs(features, positions, weight, stride)
    out: Tensor = deform_conv2d(
        maps, offsets, kernel, bias, stride, padding=1, mask=logits.sigmoid()
    )
    return out.permute(0, 2, 3, 1).contiguous()


def reference_backward(
    features: Tensor, positions: Tensor, weight: Tensor, gradient: Tensor, stride: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of features, positions and weight by torchvision."""
    maps, kernel, offsets, logits = _plain_inputs(features, positions, weight, stride)
    masks, bias = logits.sigmoid(), kernel.new_zeros(len(kernel))
    d_maps, d_kernel, d_offsets, d_masks, _ = torch.ops.torchvision._deform_conv2d_backward(
        gradient.float().permute(0, 3, 1, 2).contiguous(), maps.contiguous(), kernel.contiguous(),
        offsets.contiguous(), masks, bias, stride, stride, 1, 1, 1, 1, 1, 1, True,
    )  # fmt: skip
    d_masks = d_masks * masks * (1 - masks)
    found = torch.zeros_like(positions.permute(0, 3, 1, 2), memory_format=torch.contiguous_format)
    for part, channels in ((d_offsets, slice(0, 2 * TAPS)), (d_masks, slice(2 * TAPS, None))):
        found[:, channels].flatten(1)[:, : part[0].numel()] = part.flatten(1)
    d_weight = d_kernel.permute(2, 3, 1, 0).reshape(weight.shape)
    d_features = d_maps.permute(0, 2, 3, 1).contiguous()
    d_positions = found.permute(0, 2, 3, 1)
    return d_features.to(features.dtype), d_positions, d_weight.to(weight.dtype)


@torch.library.custom_op("glip_pl::deform_conv", mutates_args=())
def _convolve(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor, bias: Tensor
) -> list[Tensor]:
    short = weight.to(maps[0].dtype, memory_format=torch.contiguous_format)
    outs = [
        bias.new_empty(size)
        for size in _sizes([features.shape for features in maps], weight.shape[3])
    ]
    for level, features in enumerate(maps):
        some, targets = _around(positions, level), _branches(outs, level, len(maps))
        if bias.is_cuda:
            from glip_pl.models.kernels.convolving import convolve

            convolve(features, some, short, bias, targets)
            continue
        for branch, (shifts, target) in enumerate(zip(some, targets, strict=True)):
            if shifts is not None and target is not None:
                inputs = features, shifts, short[branch], bias[branch], STRIDES[branch]
                target.copy_(reference(*inputs))
    return outs


def _sizes(maps: list[torch.Size], outputs: int) -> list[tuple[int, ...]]:
    """Sizes (B, h', w', O) of all convolutions of maps (B, h, w, C)."""
    sizes: list[tuple[int, ...]] = []
    for level, branch in pairs(len(maps)):
        sides = ((side - 1) // STRIDES[branch] + 1 for side in maps[level][1:3])
        sizes.append((maps[level][0], *sides, outputs))
    return sizes


def _around(positions: list[Tensor], level: int) -> list[Tensor | None]:
    """Positions that the three branches of a level read: None beyond the pyramid."""
    return [
        positions[other] if 0 <= other < len(positions) else None
        for other in range(level - 1, level + 2)
    ]


def _branches(results: list[Tensor], level: int, levels: int) -> list[Tensor | None]:
    """Of a tensor for each convolution those of the three branches of a level."""
    by_pair = dict(zip(pairs(levels), results, strict=True))
    return [by_pair.get((level, branch)) for branch in range(3)]


@_convolve.register_fake
def _(maps: list[Tensor], positions: list[Tensor], weight: Tensor, bias: Tensor) -> list[Tensor]:
    sizes = _sizes([features.shape for features in maps], weight.shape[3])
    return [bias.new_empty(size) for size in sizes]


@torch.library.custom_op("glip_pl::deform_conv_backward", mutates_args=())
def _convolve_backward(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor, gradients: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Gradients one after the other: of all maps in their type; of the rest in float32.

    The rest are all positions, the weight and the bias. Zeros and casts are one kernel for all.
    """
    short = weight.to(maps[0].dtype, memory_format=torch.contiguous_format)
    total, rest = _numbers_of_gradients(maps, positions, short)
    d_maps, found = (weight.new_zeros(size) for size in (total, rest))
    *d_positions, d_weight, d_bias = _parts(found, [*positions, short, short[:, 0, 0]])
    for level, (features, d_map) in enumerate(zip(maps, _parts(d_maps, maps), strict=True)):
        inputs = features, _around(positions, level), short, _branches(gradients, level, len(maps))
        sums = d_map, _around(d_positions, level), d_weight, d_bias
        if weight.is_cuda:
            from glip_pl.models.kernels.convolving import convolve_backward

            convolve_backward(*inputs, sums)
        else:
            _add_reference(*inputs, sums)
    return d_maps.to(maps[0].dtype), found


def _add_reference(
    features: Tensor, positions: list[Tensor | None], weight: Tensor,
    gradients: list[Tensor | None], sums: tuple[Tensor, list[Tensor | None], Tensor, Tensor],
) -> None:  # fmt: skip
    """Add the gradients of a map, its positions, weight and bias to `sums`, by torchvision."""
    d_map, d_positions, d_weight, d_bias = sums
    for branch, (shifts, d_shifts, gradient) in enumerate(
        zip(positions, d_positions, gradients, strict=True)
    ):
        if shifts is None or d_shifts is None or gradient is None:
            continue
        parts = reference_backward(features, shifts, weight[branch], gradient, STRIDES[branch])
        targets = d_map, d_shifts, d_weight[branch], d_bias[branch]
        for target, part in zip(targets, (*parts, gradient.sum((0, 1, 2))), strict=True):
            target += part


@_convolve_backward.register_fake
def _(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor, gradients: list[Tensor]
) -> tuple[Tensor, Tensor]:
    total, rest = _numbers_of_gradients(maps, positions, weight)
    return maps[0].new_empty(total), weight.new_empty(rest)


def _numbers_of_gradients(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor
) -> tuple[int, int]:
    """How many gradients there are: of all maps; of positions, weight and bias together."""
    total = sum(features.numel() for features in maps)
    rest = sum(shifts.numel() for shifts in positions)
    return total, rest + weight.numel() + weight[:, 0, 0].numel()


def _parts(flat: Tensor, like: list[Tensor]) -> list[Tensor]:
    """A vector cut into tensors of given sizes, with channels last as given."""
    parts = flat.split([one.numel() for one in like])
    return [part.view(one.shape) for part, one in zip(parts, like, strict=True)]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    maps, positions, weight, _ = inputs
    ctx.save_for_backward(weight, *maps, *positions)


def _backward(ctx: Any, gradients: list[Tensor]) -> tuple[Any, ...]:
    weight, *saved = ctx.saved_tensors
    maps, positions = saved[: len(saved) // 2], saved[len(saved) // 2 :]
    given = [gradient.contiguous() for gradient in gradients]
    short = [torch.empty_like(gradient, dtype=maps[0].dtype) for gradient in given]
    torch._foreach_copy_(short, given)  # a cast of all by one kernel
    flat, found = _convolve_backward(maps, positions, weight, short)
    *d_positions, d_weight, d_bias = _parts(found, [*positions, weight, weight[:, 0, 0]])
    return _parts(flat, maps), d_positions, d_weight, d_bias


_convolve.register_autograd(_backward, setup_context=_keep)


def fused_convolutions(
    maps: list[Tensor],
    positions: list[Tensor],
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
) -> list[Tensor]:
    """Convolutions (B, O, h', w') of `pairs` in float32, channels last in memory, without norms.

    Of maps (B, C, h, w) in the type of the products, and of three weights (O, C, 3, 3) and biases
    (O,) in float32; positions (B, 27, h, w) of each level in float32 are offsets (dy, dx) of nine
    taps, and their mask logits. Those of a branch are the positions of the level it is for.
    """
    weight = torch.stack([*weights]).permute(0, 3, 4, 2, 1).flatten(1, 2)
    last = [[one.permute(0, 2, 3, 1).contiguous() for one in some] for some in (maps, positions)]
    outputs: list[Tensor] = _convolve(*last, weight, torch.stack([*biases]))
    return [out.permute(0, 3, 1, 2) for out in outputs]
