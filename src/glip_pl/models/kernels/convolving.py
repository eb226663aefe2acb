"""Launches the kernels of the deformable convolution."""

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


def output_size(features: Tensor, stride: int) -> tuple[int, int]:
    """Height and width of the convolution of features (B, h, w, C)."""
    return (features.shape[1] - 1) // stride + 1, (features.shape[2] - 1) // stride + 1


def _sizes(features: Tensor, positions: Tensor, outputs: int, stride: int) -> dict[str, Any]:
    height, width = output_size(features, stride)
    by_image, by_channel, by_row, by_place = positions.stride()
    assert by_row == positions.shape[3] * by_place  # rows follow each other
    return {
        "height": features.shape[1],
        "width": features.shape[2],
        "out_width": width,
        "out_area": height * width,
        "area": positions.shape[2] * positions.shape[3],
        "by_image": by_image,
        "by_channel": by_channel,
        "by_place": by_place,
        "STRIDE": stride,
        "C": features.shape[3],
        "OUT": outputs,
        "WIDTH": max(16, triton.next_power_of_2(outputs)),
        "CHUNK": CHANNELS,
        "BP": PLACES,
        "num_warps": WARPS,
        "num_stages": 1,
    }


def convolve(
    features: Tensor, positions: Tensor, weight: Tensor, bias: Tensor, stride: int
) -> Tensor:
    """The convolution (B, h', w', O) in float32: see `fused_convolution`."""
    height, width = output_size(features, stride)
    outputs = weight.shape[2]
    out = bias.new_empty(len(features), height, width, outputs)
    forward.convolve[(triton.cdiv(height * width, PLACES), len(features))](
        features, positions, weight, bias, out, **_sizes(features, positions, outputs, stride)
    )
    return out


def convolve_backward(
    features: Tensor,
    positions: Tensor,
    weight: Tensor,
    gradient: Tensor,
    stride: int,
    sums: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    """Add the gradients of features, positions, weight and bias to `sums` (float32, contiguous).

    `gradient`, of the result, has the type of the features. That of positions which no output
    reads stays as it is; that of all others is written, not added.
    """
    height, width = output_size(features, stride)
    sizes = _sizes(features, positions, weight.shape[2], stride)
    d_features, d_positions, d_weight, d_bias = sums
    backward.gradients_of_samples[(triton.cdiv(height * width, PLACES), len(features))](
        features, positions, weight, gradient, d_features, d_positions, **sizes
    )
    grid = 9 * triton.cdiv(features.shape[3], CHANNELS), len(features), PARTS
    backward.gradient_of_weight[grid](features, positions, gradient, d_weight, d_bias, **sizes)
