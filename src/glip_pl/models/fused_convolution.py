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
) -> tuple[Tensor, Tensor]:
    """Gradients one after the other: of all maps in their type; of the rest in float32.

    The rest are all positions, the weight and the bias. Zeros and casts are one kernel for all.
    """
    total, rest = _numbers_of_gradients(maps, positions, weight)
    d_maps, found = (weight.new_zeros(size, dtype=torch.float32) for size in (total, rest))
    *d_positions, d_weight, d_bias = _parts(found, [*positions, weight, weight[0, 0]])
    for features, shifts, gradient, d_map, d_shifts in zip(
        maps, positions, gradients, _parts(d_maps, maps), d_positions, strict=True
    ):
        inputs = features, shifts, weight, gradient, stride
        if weight.is_cuda:
            from glip_pl.models.kernels.convolving import convolve_backward

            convolve_backward(*inputs, (d_map, d_shifts, d_weight, d_bias))
        else:
            sums = *reference_backward(*inputs), gradient.sum((0, 1, 2))
            for target, part in zip((d_map, d_shifts, d_weight, d_bias), sums, strict=True):
                target += part
    return d_maps.to(maps[0].dtype), found


@_convolve_backward.register_fake
def _(
    maps: list[Tensor],
    positions: list[Tensor],
    weight: Tensor,
    gradients: list[Tensor],
    stride: int,
) -> tuple[Tensor, Tensor]:
    total, rest = _numbers_of_gradients(maps, positions, weight)
    return maps[0].new_empty(total), weight.new_empty(rest, dtype=torch.float32)


def _numbers_of_gradients(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor
) -> tuple[int, int]:
    """How many gradients there are: of all maps; of positions, weight and bias together."""
    total = sum(features.numel() for features in maps)
    return total, sum(shifts.numel() for shifts in positions) + weight.numel() + weight.shape[2]


def _parts(flat: Tensor, like: list[Tensor]) -> list[Tensor]:
    """A vector cut into tensors of given sizes and strides, each without gaps."""
    parts = flat.split([one.numel() for one in like])
    pairs = zip(parts, like, strict=True)
    return [part.as_strided(one.shape, one.stride(), part.storage_offset()) for part, one in pairs]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    maps, positions, weight, _, ctx.stride = inputs
    ctx.save_for_backward(weight, *maps, *positions)


def _backward(ctx: Any, gradients: list[Tensor]) -> tuple[Any, ...]:
    weight, *saved = ctx.saved_tensors
    maps, positions = saved[: len(gradients)], saved[len(gradients) :]
    given = [gradient.contiguous() for gradient in gradients]
    short = [torch.empty_like(gradient, dtype=weight.dtype) for gradient in given]
    torch._foreach_copy_(short, given)  # a cast of all by one kernel
    flat, found = _convolve_backward(maps, positions, weight, short, ctx.stride)
    *d_positions, d_weight, d_bias = _parts(found, [*positions, weight, weight[0, 0]])
    return _parts(flat, maps), d_positions, d_weight.to(weight.dtype), d_bias, None


_convolve.register_autograd(_backward, setup_context=_keep)


def fused_convolution(
    maps: list[Tensor], positions: list[Tensor], weight: Tensor, bias: Tensor, stride: int
) -> list[Tensor]:
    """Convolutions (B, O, h', w') in float32, channels last in memory, without a norm.

    Of maps (B, C, h, w) in the type of the products and a weight (O, C, 3, 3) in float32; positions
    (B, 27, H, W) of each map in float32 are offsets (dy, dx) of nine taps, and their mask logits.
    """
    taps = weight.permute(2, 3, 1, 0).flatten(0, 1)
    kernel = taps.to(maps[0].dtype, memory_format=torch.contiguous_format).contiguous()
    last = [features.permute(0, 2, 3, 1).contiguous() for features in maps]
    outputs: list[Tensor] = _convolve(last, positions, kernel, bias, stride)
    return [out.permute(0, 3, 1, 2) for out in outputs]
