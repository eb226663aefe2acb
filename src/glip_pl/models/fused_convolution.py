"""The deformable convolution of maps with channels last as one operation.

On CUDA, Triton kernels compute it (models/kernels), with products in the type of the features and
positions in float32; elsewhere torchvision's kernel, as their reference.
"""

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import deform_conv2d

TAPS = 9


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
    for part in positions.split([2 * TAPS, TAPS], dim=1):
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
    found = torch.zeros_like(positions, memory_format=torch.contiguous_format)
    for part, channels in ((d_offsets, slice(0, 2 * TAPS)), (d_masks, slice(2 * TAPS, None))):
        found[:, channels].flatten(1)[:, : part[0].numel()] = part.flatten(1)
    d_weight = d_kernel.permute(2, 3, 1, 0).reshape(weight.shape)
    d_features = d_maps.permute(0, 2, 3, 1).contiguous()
    return d_features.to(features.dtype), found, d_weight.to(weight.dtype)


@torch.library.custom_op("glip_pl::deform_conv", mutates_args=())
def _convolve(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor, bias: Tensor, stride: int
) -> list[Tensor]:
    if not bias.is_cuda:
        pairs = zip(maps, positions, strict=True)
        return [reference(*pair, weight, bias, stride) for pair in pairs]
    from glip_pl.models.kernels.convolving import convolve

    pairs = zip(maps, positions, strict=True)
    return [convolve(*pair, weight, bias, stride) for pair in pairs]


@_convolve.register_fake
def _(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor, bias: Tensor, stride: int
) -> list[Tensor]:
    return [
        bias.new_empty(
            len(features),
            *((side - 1) // stride + 1 for side in features.shape[1:3]),
            weight.shape[2],
        )
        for features in maps
    ]


@torch.library.custom_op("glip_pl::deform_conv_backward", mutates_args=())
def _convolve_backward(
    maps: list[Tensor],
    positions: list[Tensor],
    weight: Tensor,
    gradients: list[Tensor],
    stride: int,
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    d_weight = torch.zeros_like(weight, dtype=torch.float32)
    d_maps, d_positions = [], []
    for features, shifts, gradient in zip(maps, positions, gradients, strict=True):
        if weight.is_cuda:
            from glip_pl.models.kernels.convolving import convolve_backward

            d_map, d_shifts = convolve_backward(
                features, shifts, weight, gradient, stride, d_weight
            )
        else:
            d_map, d_shifts, part = reference_backward(features, shifts, weight, gradient, stride)
            d_weight += part
        d_maps.append(d_map)
        d_positions.append(d_shifts)
    return d_maps, d_positions, d_weight


@_convolve_backward.register_fake
def _(
    maps: list[Tensor],
    positions: list[Tensor],
    weight: Tensor,
    gradients: list[Tensor],
    stride: int,
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    d_maps = [torch.empty_like(features) for features in maps]
    d_positions = [torch.empty_like(shifts) for shifts in positions]
    return d_maps, d_positions, torch.empty_like(weight, dtype=torch.float32)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    maps, positions, weight, _, ctx.stride = inputs
    ctx.save_for_backward(weight, *maps, *positions)


def _backward(ctx: Any, gradients: list[Tensor]) -> tuple[Any, ...]:
    weight, *saved = ctx.saved_tensors
    maps, positions = saved[: len(gradients)], saved[len(gradients) :]
    short = [gradient.to(weight.dtype).contiguous() for gradient in gradients]
    d_maps, d_positions, d_weight = _convolve_backward(maps, positions, weight, short, ctx.stride)
    d_bias = torch.stack([gradient.sum((0, 1, 2)) for gradient in gradients]).sum(0)
    return d_maps, d_positions, d_weight.to(weight.dtype), d_bias, None


_convolve.register_autograd(_backward, setup_context=_keep)


def fused_convolution(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor, bias: Tensor, stride: int
) -> list[Tensor]:
    """Convolutions (B, O, h', w') in float32, channels last in memory, without a norm.

    Of maps (B, C, h, w) in the type of the products and a weight (O, C, 3, 3) in float32; positions
    (B, 27, H, W) of each map in float32 are offsets (dy, dx) of nine taps, and their mask logits.
    """
    kernel = weight.permute(2, 3, 1, 0).flatten(0, 1).to(maps[0].dtype).contiguous()
    last = [features.permute(0, 2, 3, 1).contiguous() for features in maps]
    outputs: list[Tensor] = _convolve(last, positions, kernel, bias, stride)
    return [out.permute(0, 3, 1, 2) for out in outputs]
