"""Launches the kernels of the deformable convolutions."""

from collections.abc import Sequence
from math import prod
from typing import Any

import triton
from torch import Tensor

from glip_pl.models.kernels import deform_conv as forward
from glip_pl.models.kernels import deform_conv_backward as backward

PLACES = 64
"""Places of the output that a program computes."""

CHANNELS = 32
"""Channels of the input that a program samples at a time."""

PARTS = 8
"""Parts of the places of an image between which the sums of a weight's gradient are divided."""

WARPS = 8

Branches = Sequence[Tensor | None]
"""A tensor for each of the three convolutions of a map, None where there is no such level."""


def output_size(height: int, width: int, branch: int) -> tuple[int, int]:
    """Height and width of a convolution of a map, which has stride 2 in branch 2."""
    stride = 1 + branch // 2
    return (height - 1) // stride + 1, (width - 1) // stride + 1


def _all(branches: Branches) -> list[Tensor]:
    """The tensors; another one stands for a missing one, which no program reads."""
    known = next(one for one in branches if one is not None)
    return [known if one is None else one for one in branches]


def _blocks(features: Tensor, positions: Branches) -> list[int]:
    """Programs of each branch for an image."""
    height, width = features.shape[1:3]
    areas = [prod(output_size(height, width, branch)) for branch in range(3)]
    pairs = zip(areas, positions, strict=True)
    return [0 if shifts is None else triton.cdiv(area, PLACES) for area, shifts in pairs]


def _options(features: Tensor, positions: Branches, outputs: int, first: int) -> dict[str, Any]:
    areas = [one.shape[1] * one.shape[2] for one in _all(positions)]
    return {
        "height": features.shape[1],
        "width": features.shape[2],
        **dict(zip(("area0", "area1", "area2"), areas, strict=True)),
        "first": first,
        "C": features.shape[3],
        "OUT": outputs,
        "WIDTH": max(16, triton.next_power_of_2(outputs)),
        "CHUNK": CHANNELS,
        "BP": PLACES,
        "num_warps": WARPS,
        "num_stages": 1,
    }


def convolve(
    features: Tensor, positions: Branches, weight: Tensor, bias: Tensor, outs: Branches
) -> None:
    """Write the convolutions (B, h', w', O) of a map in float32: see `fused_convolutions`."""
    blocks = _blocks(features, positions)
    options = _options(features, positions, weight.shape[3], blocks[0])
    forward.convolve[(sum(blocks), len(features))](
        features, *_all(positions), weight, bias, *_all(outs), **options,
        second=blocks[0] + blocks[1],
    )  # fmt: skip


def convolve_backward(
    features: Tensor,
    positions: Branches,
    weight: Tensor,
    gradients: Branches,
    sums: tuple[Tensor, Branches, Tensor, Tensor],
) -> None:
    """Add the gradients of features, positions, weight and bias to `sums` (float32, contiguous).

    `gradients`, of the results, have the type of the features. Those of positions that no output
    reads stay as they are.
    """
    d_features, d_positions, d_weight, d_bias = sums
    blocks = _blocks(features, positions)
    shared = features, *_all(positions)
    above = _all(gradients)
    backward.gradients_of_samples[(sum(blocks), len(features))](
        *shared, weight, *above, d_features, *_all(d_positions),
        **_options(features, positions, weight.shape[3], blocks[0]), second=blocks[0] + blocks[1],
    )  # fmt: skip
    there = [branch for branch, shifts in enumerate(positions) if shifts is not None]
    programs = len(there) * 9 * triton.cdiv(features.shape[3], CHANNELS)
    options = _options(features, positions, weight.shape[3], there[0])
    backward.gradient_of_weight[(programs, len(features), PARTS)](
        *shared, *above, d_weight, d_bias, **options
    )
