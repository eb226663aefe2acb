"""Modulated deformable 3x3 convolution (the dynamic head's spatial attention)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from glip_pl.models.pointwise import pointwise
from glip_pl.models.recomputing import recomputed

CACHEFUL = 2048
"""Positions at a time on a CPU: their taps of 256 channels are 19 MB."""

TAPS = 9
"""Positions of a 3x3 kernel: 2 offsets and 1 mask value each."""


class DeformConv(nn.Module):
    """3x3 convolution that samples at learned offsets and weighs each tap, then GroupNorm."""

    def __init__(self, channels: int, stride: int, groups: int) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3).normal_(std=0.01))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.norm = nn.GroupNorm(groups, channels)

    def forward(self, features: Tensor, offsets: Tensor, masks: Tensor) -> Tensor:
        """(B, C, h', w') from (B, C, h, w), offsets (B, 18, ., .) and masks (B, 9, ., .).

        Offsets are (dy, dx) per tap. If they come from a map that is larger than the output, each
        image's numbers are read *linearly* as (18, h', w'): the original CUDA kernel indexes its
        buffers by the output's size without checking, and released weights were trained with it.
        """
        height, width = ((side - 1) // self.stride + 1 for side in features.shape[-2:])
        offsets = read_linearly(offsets, (height, width))
        masks = read_linearly(masks, (height, width))
        # In full precision even under autocast: 8 bits of mantissa cannot say where to sample.
        with torch.autocast(features.device.type, enabled=False):
            features, offsets, masks = features.float(), offsets.float(), masks.float()
            if features.is_cuda:
                convolved = deform_conv2d(
                    features, offsets, self.weight, self.bias, self.stride, padding=1, mask=masks
                )
            else:
                convolved = gather_convolution(
                    features, offsets, masks, self.weight, self.bias, self.stride
                )
        normed: Tensor = self.norm(convolved)
        return normed


def read_linearly(buffer: Tensor, size: tuple[int, int]) -> Tensor:
    """The first c*h*w numbers of each image of (B, c, H, W), seen as (B, c, h, w)."""
    if buffer.shape[-2:] == size:
        return buffer
    batch, channels = buffer.shape[:2]
    height, width = size
    return buffer.flatten(1)[:, : channels * height * width].view(batch, channels, height, width)


def gather_convolution(
    features: Tensor, offsets: Tensor, masks: Tensor, weight: Tensor, bias: Tensor, stride: int
) -> Tensor:
    """The same convolution by weighted gathers and one matrix product: fast on a CPU.

    Every tap is a sum of four channels-last rows with bilinear weights, which is what an
    embedding bag computes; torchvision's CPU kernel takes 5 to 16 times as long backwards
    (`make bench`). It goes through the positions a cacheful at a time: nine taps of all channels
    would be nine times the map.
    """
    batch, channels, height, width = features.shape
    out_height, out_width = offsets.shape[-2:]
    rows, weights = _corners(offsets, masks, (height, width), stride)
    table = features.permute(0, 2, 3, 1).reshape(-1, channels)
    kernel = weight.permute(0, 2, 3, 1).reshape(len(weight), -1)

    def convolve(part_rows: Tensor, part_weights: Tensor) -> Tensor:
        taps = F.embedding_bag(part_rows, table, mode="sum", per_sample_weights=part_weights)
        return pointwise(taps.view(-1, TAPS * channels), kernel, bias)

    parts = [
        recomputed(convolve, *part, largest=len(part[0]) * channels)
        for part in zip(rows.split(CACHEFUL * TAPS), weights.split(CACHEFUL * TAPS), strict=True)
    ]
    convolved = torch.cat(parts).view(batch, out_height, out_width, -1)
    return convolved.permute(0, 3, 1, 2)


def _corners(
    offsets: Tensor, masks: Tensor, size: tuple[int, int], stride: int
) -> tuple[Tensor, Tensor]:
    """Row numbers and weights, both (B * h' * w' * 9, 4), of the corners around every tap."""
    batch, _, out_height, out_width = offsets.shape
    height, width = size
    device = offsets.device
    shift = offsets.view(batch, TAPS, 2, out_height, out_width)
    taps = torch.arange(TAPS, device=device)[:, None, None]
    base_y = torch.arange(out_height, device=device)[:, None] * stride + taps // 3 - 1
    base_x = torch.arange(out_width, device=device) * stride + taps % 3 - 1
    y = (base_y + shift[:, :, 0]).permute(0, 2, 3, 1)  # (B, h', w', 9)
    x = (base_x + shift[:, :, 1]).permute(0, 2, 3, 1)
    # What is no number has no place; its weight is no number either, and the loss will say so.
    top, left = (place.detach().nan_to_num().floor() for place in (y, x))
    down, right = y - top, x - left
    mask = masks.permute(0, 2, 3, 1)
    image = torch.arange(batch, device=device)[:, None, None, None] * (height * width)
    rows, weights = [], []
    for row, row_weight in ((top, 1 - down), (top + 1, down)):
        for column, column_weight in ((left, 1 - right), (left + 1, right)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            flat = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            rows.append(image + flat.long())
            weights.append(row_weight * column_weight * mask * inside)
    return torch.stack(rows, dim=-1).view(-1, 4), torch.stack(weights, dim=-1).view(-1, 4)
